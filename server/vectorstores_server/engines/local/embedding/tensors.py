"""Tensors as a weights' file holds them: read block by block, so that half a gigabyte is never in memory at once."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_ROWS = 2_048
"""Rows of a matrix that are read at a time; as many floats as the processor's cache holds."""


class Tensor(Protocol):
    """A tensor of floats that lies in a file."""

    @property
    def name(self) -> str:
        """Its name in the model of its makers."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    def read(self, first: int, last: int) -> "NDArray[np.float32]":
        """Return rows [first, last) in memory of their own, which may be overwritten."""
        ...


def whole(tensor: Tensor) -> "NDArray[np.float32]":
    """Return all of a tensor."""
    return tensor.read(0, tensor.shape[0])


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor of a safetensors file, in float32."""

    name: str
    shape: tuple[int, ...]
    path: Path
    begin: int

    def read(self, first: int, last: int) -> "NDArray[np.float32]":
        """Tensor's promise."""
        import numpy as np

        width = int(np.prod(self.shape[1:]))
        data = bytearray((last - first) * width * 4)
        with self.path.open("rb") as file:
            file.seek(self.begin + first * width * 4)
            file.readinto(data)
        return np.frombuffer(data, np.float32).reshape(last - first, *self.shape[1:])


def stored_tensors(path: Path) -> Iterator[StoredTensor]:
    """Yield the float tensors of a safetensors file, in their order; the file is known to the byte."""
    with path.open("rb") as file:
        header: dict[str, Any] = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        begin = file.tell()
    header.pop("__metadata__", None)
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        if entry["dtype"] == "F32":
            yield StoredTensor(name, tuple(entry["shape"]), path, begin + entry["data_offsets"][0])
