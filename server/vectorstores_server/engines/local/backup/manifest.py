"""The manifest of a backup: its files, with sizes and hashes. Written last: a backup without it is not complete."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from vectorstores_server.engines.local.directory.names import is_ours
from vectorstores_tools.contract.errors import InvalidRequest

FILE_NAME = "backup.json"
PRODUCT = "vector-stores-mcp backup"
BLOCK = 1024 * 1024

Report = Callable[[int], None]
"""A callback for progress: gets the number of bytes that have just been done."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a backup: the version that made it, its catalog's schema, its counts, and its files by name."""

    version: str
    schema: int
    created_at: int
    with_index: bool
    counts: Mapping[str, int]
    files: Mapping[str, FileEntry]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def write(self, backup: Path) -> None:
        """Write the list into the backup, whole or not at all."""
        body = json.dumps({"product": PRODUCT, "format": 1, **asdict(self)}, indent=1)
        unfinished = backup / f"{FILE_NAME}.tmp"
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(backup / FILE_NAME)

    @classmethod
    def read(cls, backup: Path) -> "Manifest":
        """Read the list of a backup. Raises InvalidRequest where there is none, or one that is not ours."""
        try:
            body = cast("dict[str, Any]", json.loads((backup / FILE_NAME).read_text(encoding="utf-8")))
            if body["product"] != PRODUCT or body["format"] != 1:
                raise _unusable(backup, "it is of another program, or of a newer format")
            files = {name: FileEntry(**entry) for name, entry in body["files"].items()}
            manifest = cls(
                body["version"], body["schema"], body["created_at"], body["with_index"], body["counts"], files
            )
        except FileNotFoundError:
            raise _unusable(backup, f"it has no {FILE_NAME}: it was never finished, or is none") from None
        except (ValueError, KeyError, TypeError) as error:
            raise _unusable(backup, f"its {FILE_NAME} cannot be read") from error
        if odd := [name for name in files if not is_ours(name)]:
            raise _unusable(backup, f"it lists a file that no data directory has, {odd[0]!r}")
        return manifest


def copy_file(source: Path, target: Path, report: Report) -> FileEntry:
    """Copy a file, to the disk and not only to its cache, and return its size and hash. Raises OSError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with (
        source.open("rb") as reading,
        os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as to,
    ):
        while block := reading.read(BLOCK):
            digest.update(block)
            to.write(block)
            size += len(block)
            report(len(block))
        to.flush()
        os.fsync(to.fileno())
    return FileEntry(size, digest.hexdigest())


def hash_file(path: Path, report: Report) -> FileEntry:
    """Return the size and hash of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            report(len(block))
    return FileEntry(size, digest.hexdigest())


def _unusable(backup: Path, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{backup} is no backup that can be restored: {reason}.", "Name another backup.")
