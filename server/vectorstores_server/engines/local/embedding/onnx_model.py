"""The model as it runs: tokens in, vectors out. Importing this module loads onnxruntime."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

# Read when the library is initialised: without it events about the machine are kept on disk and sent to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - it has none
from numpy.typing import NDArray

from vectorstores_server.engines.local.embedding.models import ModelCard
from vectorstores_server.engines.local.embedding.prepared import data_file
from vectorstores_server.engines.local.embedding.quantization import words_of

_ort = cast("Any", onnxruntime)
_OUTSIDE = ("words", "words.scale", "pieces", "pieces.score")
"""Arrays that the graph does not read: the tokenizer's, and the words, of which a text needs few."""


class Model:
    """A model of this machine. Calls may come from several threads at once; each computes in its own."""

    def __init__(self, card: ModelCard, arrays: Mapping[str, NDArray[Any]]) -> None:
        # The session reads these in place: they have to live as long as it does.
        self._words = {name: arrays[name] for name in ("words", "words.scale")}
        self._arrays = {name: array for name, array in arrays.items() if name not in _OUTSIDE}
        options = _ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        values = [_ort.OrtValue.ortvalue_from_numpy(array) for array in self._arrays.values()]
        options.add_external_initializers(list(self._arrays), values)
        graph = data_file(f"{card.graph}.onnx").read_bytes()
        self._session = _ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the normalised vectors (n, 384) of n texts, given as token ids, that all have the same length."""
        ids = np.array(batch, np.int64)
        return cast("NDArray[np.float32]", self._session.run(None, {"words": words_of(self._words, ids)})[0])
