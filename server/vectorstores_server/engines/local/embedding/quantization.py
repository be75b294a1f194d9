"""The way from the weights of a model to the arrays that its shipped graph names.

The graphs (data/*.onnx) have the shapes and no weights; scripts/build_graph.py makes them and the smoothing factors
beside them. Weights are int8 per output channel, word embeddings int8 per word. Activations are quantised with fixed
ranges, so that a text has the same vector whatever stands beside it in a batch. A graph in float has the weights as
they are, and only the words in int8.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vectorstores_server.engines.local.embedding.models import DIMENSIONS, ModelCard
from vectorstores_server.engines.local.embedding.tensors import BLOCK_ROWS, Tensor, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD = 32
"""Dimensions of one attention head; queries are divided by its root."""

_LINEAR = re.compile(r"encoder\.layer\.\d+\.(attention\.self|attention\.output|intermediate|output)(\.\w+)?\.weight")


def graph_arrays(
    tensors: Iterable[Tensor], smoothing: "Mapping[str, NDArray[np.float32]]", card: ModelCard
) -> "dict[str, NDArray[np.generic]]":
    """Return the graph's initializers by name."""
    import numpy as np

    arrays: dict[str, NDArray[np.generic]] = {f"{name}.smooth": 1 / factors for name, factors in smoothing.items()}
    positions = np.zeros((card.window, DIMENSIONS), np.float32)
    for tensor in tensors:
        name = tensor.name
        if name == "embeddings.word_embeddings.weight":
            arrays["words"], arrays["words.scale"] = quantised(tensor)
        elif name == "embeddings.position_embeddings.weight":
            positions += tensor.read(0, card.window)
        elif name == "embeddings.token_type_embeddings.weight":
            positions += tensor.read(0, 1)
        elif _LINEAR.fullmatch(name) and "LayerNorm" not in name:
            _add_linear(arrays, tensor, smoothing, quantise=card.precision == "int8")
        elif name.startswith(("encoder.", "embeddings.LayerNorm")):
            arrays[name] = whole(tensor) / math.sqrt(HEAD) if name.endswith("query.bias") else whole(tensor)
    return {**arrays, "positions": positions}


def quantised(
    rows: "Tensor", factor: "NDArray[np.float32] | float" = 1.0
) -> "tuple[NDArray[np.int8], NDArray[np.float32]]":
    """int8 rows and the scale (n, 1) of each, of the rows times `factor`; read a block at a time."""
    import numpy as np

    codes = np.empty(rows.shape, np.int8)
    scales = np.empty((rows.shape[0], 1), np.float32)
    for start in range(0, rows.shape[0], BLOCK_ROWS):
        end = min(start + BLOCK_ROWS, rows.shape[0])
        block = rows.read(start, end)
        block *= factor
        scale = np.maximum(block.max(axis=1, keepdims=True), -block.min(axis=1, keepdims=True)) / 127
        scale[scale == 0] = 1  # a word that was never learned
        block /= scale
        codes[start:end] = np.rint(block, out=block)
        scales[start:end] = scale
    return codes, scales


def words_of(arrays: "Mapping[str, NDArray[Any]]", ids: "NDArray[np.int64]") -> "NDArray[np.float32]":
    """Return the graph's input: the vectors of the words of a batch."""
    return arrays["words"][ids] * arrays["words.scale"][ids]


def input_name(linear: str) -> str:
    """Name of the input of a linear layer: queries, keys and values of a layer read the same."""
    return re.sub(r"\.(query|key|value)$", "", linear.removesuffix(".dense"))


def _add_linear(
    arrays: "dict[str, NDArray[np.generic]]",
    tensor: Tensor,
    smoothing: "Mapping[str, NDArray[np.float32]]",
    *,
    quantise: bool,
) -> None:
    import numpy as np

    linear = tensor.name.removesuffix(".weight")
    factor = np.full(1, 1 / math.sqrt(HEAD) if linear.endswith("query") else 1.0, np.float32)
    factors = smoothing.get(input_name(linear))
    if factors is not None:
        factor = factor * factors
    if not quantise:
        arrays[tensor.name] = np.ascontiguousarray((whole(tensor) * factor).T)
        return
    codes, scales = quantised(tensor, factor)
    arrays[tensor.name] = np.ascontiguousarray(codes.T)
    arrays[f"{tensor.name}.scale"] = scales[:, 0]
