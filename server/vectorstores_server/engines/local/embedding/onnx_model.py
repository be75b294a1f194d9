"""The model as it runs: tokens in, vectors out. Importing this module loads onnxruntime."""

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np

# Read when the library is initialised: without it events about the machine are kept on disk and sent to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # pyright: ignore[reportMissingTypeStubs] - it has none
from numpy.typing import NDArray

from vectorstores_server.engines.local.embedding.quantization import WINDOW, graph_arrays
from vectorstores_server.engines.local.embedding.tokenizer import encodable, wordpiece
from vectorstores_server.engines.local.embedding.weights import read_tensors

_ort = cast("Any", onnxruntime)
_CLS, _SEP = 101, 102
_DATA = files("vectorstores_server.engines.local.embedding") / "data"


class Model:
    """all-MiniLM-L6-v2 in int8. Calls may come from several threads at once; each computes in its own.

    Raises ModelUnusable when the file is not the expected one.
    """

    def __init__(self, weights: Path) -> None:
        with (_DATA / "minilm-int8.npz").open("rb") as file, np.load(file) as archive:
            smoothing = {name: archive[name] for name in archive.files}
        # The session reads these in place: they have to live as long as it does.
        arrays = graph_arrays(read_tensors(weights), smoothing)
        self._arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        options = _ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        values = [_ort.OrtValue.ortvalue_from_numpy(array) for array in self._arrays.values()]
        options.add_external_initializers(list(self._arrays), values)
        graph = (_DATA / "minilm-int8.onnx").read_bytes()
        self._session = _ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the normalised vectors (n, 384) of n texts, given as token ids, that all have the same length."""
        ids = np.array(batch, np.int64)
        return cast("NDArray[np.float32]", self._session.run(None, {"ids": ids})[0])


def token_ids(text: str) -> list[int]:
    """Return the ids that the model reads: the first WINDOW - 2 tokens between [CLS] and [SEP]."""
    ids = wordpiece().encode(encodable(text), add_special_tokens=False).ids
    return [_CLS, *ids[: WINDOW - 2], _SEP]
