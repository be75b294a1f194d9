"""A model's arrays as the graph takes them, kept ready in the cache, so that a model opens without its weights.

A file of them bears the hash of the weights in its name and its own in its header, and is mapped into memory: of a
quarter of a million words those that are asked for are read. One that is damaged is made again.
"""

import contextlib
import hashlib
import json
import logging
import os
import struct
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectorstores_server.engines.local.embedding.quantization import graph_arrays
from vectorstores_server.engines.local.embedding.unigram import Pieces
from vectorstores_server.engines.local.embedding.weights import ModelWeights
from vectorstores_server.system.logs import event

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

VERSION = 1
"""Raised when the same weights give other arrays than before."""
_ALIGNED = 64
_MAGIC = b"VSARRAYS"
_PIECES, _SCORES = "pieces", "pieces.score"
_APART = "\0"

log = logging.getLogger(__name__)


def prepared_arrays(weights: ModelWeights, kept: Path | None) -> "dict[str, NDArray[Any]]":
    """Return the arrays of the graph, and the pieces of a tokenizer that comes with the weights.

    They are kept in the folder `kept` where that can be written. Raises ModelUnusable for weights with other contents
    than expected.
    """
    path = None if kept is None else prepared_path(weights, kept)
    found = None if path is None else _mapped(path)
    if found is not None:
        return found
    weights.verify()
    made = _made(weights)
    if path is None:
        return made
    _keep(made, path)
    return _mapped(path) or made


def prepared_path(weights: ModelWeights, kept: Path) -> Path:
    """Return the path of the arrays of these weights."""
    return kept / f"{weights.card.name}-{weights.expected.sha256[:16]}-{VERSION}.arrays"


def pieces_of(arrays: "Mapping[str, NDArray[Any]]") -> Pieces:
    """Return the pieces among the arrays."""
    return Pieces(arrays[_PIECES].tobytes().decode("utf-8").split(_APART), arrays[_SCORES])


def data_file(name: str) -> Path:
    """Return a file that comes with the package."""
    return Path(str(files("vectorstores_server.engines.local.embedding") / "data" / name))


def _made(weights: ModelWeights) -> "dict[str, NDArray[Any]]":
    import numpy as np

    card = weights.card
    arrays = {
        name: np.ascontiguousarray(array)
        for name, array in graph_arrays(weights.tensors(), _smoothing(card.graph), card).items()
    }
    if card.tokens == "unigram":
        pieces = weights.pieces()
        arrays[_PIECES] = np.frombuffer(_APART.join(pieces.texts).encode("utf-8"), np.uint8)
        arrays[_SCORES] = pieces.scores
    return arrays


def _smoothing(graph: str) -> "dict[str, NDArray[np.float32]]":
    import numpy as np

    path = data_file(f"{graph}.npz")
    if not path.is_file():  # a graph in float has none
        return {}
    with path.open("rb") as file, np.load(file) as archive:
        return {name: archive[name] for name in archive.files}


def _mapped(path: Path) -> "dict[str, NDArray[Any]] | None":
    """Return the arrays of a file that is whole; None where there is none."""
    import numpy as np

    try:
        with path.open("rb") as file:
            magic, length = struct.unpack("<8sQ", file.read(16))
            header = json.loads(file.read(length)) if magic == _MAGIC else None
            begin = _padded(file.tell())
            file.seek(begin)
            if header is None or hashlib.file_digest(file, "sha256").hexdigest() != header["sha256"]:
                log.warning("The prepared model is damaged and is made again", extra=event("model_cache_damaged"))
                return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, struct.error):
        log.warning("The prepared model cannot be read and is made again", extra=event("model_cache_unreadable"))
        return None
    data = np.memmap(path, np.uint8, "r", begin)
    return {
        name: data[at : at + size].view(kind).reshape(shape)
        for name, (kind, shape, at, size) in header["arrays"].items()
    }


def _keep(arrays: "Mapping[str, NDArray[Any]]", path: Path) -> None:
    """Write the arrays beside the place, and put them there whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    places: dict[str, tuple[str, tuple[int, ...], int, int]] = {}
    digest, at = hashlib.sha256(), 0
    for name, array in arrays.items():
        places[name] = (array.dtype.str, array.shape, at, array.nbytes)
        data = _bytes(array)
        padding = bytes(_padded(array.nbytes) - array.nbytes)
        digest.update(data)
        digest.update(padding)
        at += _padded(array.nbytes)
    header = json.dumps({"sha256": digest.hexdigest(), "arrays": places}).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(struct.pack("<8sQ", _MAGIC, len(header)) + header)
            file.write(bytes(_padded(file.tell()) - file.tell()))
            for array in arrays.values():
                file.write(_bytes(array))
                file.write(bytes(_padded(array.nbytes) - array.nbytes))
        part.replace(path)
    except OSError as error:
        extra = event("model_cache_unwritable", errno=error.errno)
        log.warning("The model is prepared at each start: %s", error.strerror, extra=extra)
        with contextlib.suppress(OSError):
            part.unlink()


def _bytes(array: "NDArray[Any]") -> memoryview:
    import numpy as np

    return array.reshape(-1).view(np.uint8).data


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
