"""From the weights of all-MiniLM-L6-v2 to the int8 arrays that the shipped graph names.

The graph (data/minilm-int8.onnx) has the shapes and no weights; scripts/build_graph.py makes it and the smoothing
factors beside it. Weights are int8 per output channel, word embeddings int8 per word. Activations are quantised with
fixed ranges, so that a text has the same vector whatever stands beside it in a batch.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW = 256
DIMENSIONS = 384
HEAD = 32
"""Dimensions of one attention head; queries are divided by its root."""

_LINEAR = re.compile(r"encoder\.layer\.\d+\.(attention\.self|attention\.output|intermediate|output)(\.\w+)?\.weight")
_ROWS = 2_048


def graph_arrays(
    tensors: "Iterable[tuple[str, NDArray[np.float32]]]", smoothing: "Mapping[str, NDArray[np.float32]]"
) -> "dict[str, NDArray[np.generic]]":
    """Return the graph's initializers by name. The tensors are used up: each is overwritten."""
    import numpy as np

    arrays: dict[str, NDArray[np.generic]] = {f"{name}.smooth": 1 / factors for name, factors in smoothing.items()}
    positions = np.zeros((WINDOW, DIMENSIONS), np.float32)
    for name, tensor in tensors:
        if name == "embeddings.word_embeddings.weight":
            arrays["words"], arrays["words.scale"] = quantised(tensor)
        elif name in ("embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"):
            positions += tensor[:WINDOW] if "position" in name else tensor[:1]
        elif _LINEAR.fullmatch(name) and "LayerNorm" not in name:
            _add_linear(arrays, name, tensor, smoothing)
        elif name.startswith(("encoder.", "embeddings.LayerNorm")):
            arrays[name] = tensor / math.sqrt(HEAD) if name.endswith("query.bias") else tensor
    return {**arrays, "positions": positions}


def quantised(rows: "NDArray[np.float32]") -> "tuple[NDArray[np.int8], NDArray[np.float32]]":
    """int8 rows and the scale (n, 1) of each; `rows` is overwritten, a block at a time to stay in the cache."""
    import numpy as np

    codes = np.empty(rows.shape, np.int8)
    scales = np.empty((len(rows), 1), np.float32)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        scale = np.maximum(block.max(axis=1, keepdims=True), -block.min(axis=1, keepdims=True)) / 127
        block /= scale
        codes[start : start + _ROWS] = np.rint(block, out=block)
        scales[start : start + _ROWS] = scale
    return codes, scales


def input_name(linear: str) -> str:
    """Name of what a linear layer reads: queries, keys and values of a layer read the same."""
    return re.sub(r"\.(query|key|value)$", "", linear.removesuffix(".dense"))


def _add_linear(
    arrays: "dict[str, NDArray[np.generic]]",
    name: str,
    tensor: "NDArray[np.float32]",
    smoothing: "Mapping[str, NDArray[np.float32]]",
) -> None:
    import numpy as np

    linear = name.removesuffix(".weight")
    if linear.endswith("query"):
        tensor /= math.sqrt(HEAD)
    factors = smoothing.get(input_name(linear))
    if factors is not None:
        tensor *= factors
    codes, scales = quantised(tensor)
    arrays[name] = np.ascontiguousarray(codes.T)
    arrays[f"{name}.scale"] = scales[:, 0]
