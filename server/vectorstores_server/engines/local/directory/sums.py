"""Hashes of a table's files, kept beside it: LanceDB's files never change once written, and bear no checksum.

They are taken by the worker when it has nothing else to do, of files that are new since the last time. A file that was
written and damaged before that is not known to be.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Literal, cast

from vectorstores_server.engines.local.directory.names import files_below, is_ours

Damage = Literal["missing", "truncated", "flipped"]
_BLOCK = 1024 * 1024


def sums_of(index: Path, table: str) -> Path:
    """Return the path of the hashes of a table."""
    return index / f"{table}.sums"


def keep(index: Path, table: str) -> None:
    """Hash the files of a table that are new, and forget those that are gone. Raises OSError."""
    known = read(index, table)
    names = _names(index, table)
    if names == known.keys():
        return
    found = {name: known[name] if name in known else _hashed(index / f"{table}.lance" / name) for name in names}
    _write(index, table, found)


def _write(index: Path, table: str, found: dict[str, tuple[int, str]]) -> None:
    unfinished = index / f"{table}.sums.tmp"
    with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        json.dump(found, file)
    unfinished.replace(sums_of(index, table))


def read(index: Path, table: str) -> dict[str, tuple[int, str]]:
    """Return name -> (size, sha256); nothing where none are kept, or where they cannot be read."""
    try:
        found = cast("dict[str, tuple[int, str]]", json.loads(sums_of(index, table).read_bytes()))
        return {name: (int(size), str(sha256)) for name, (size, sha256) in found.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def forget_gone(index: Path, table: str) -> None:
    """Forget the files that an optimize has just pruned. Raises OSError."""
    known = read(index, table)
    left = {name: kept for name, kept in known.items() if (index / f"{table}.lance" / name).exists()}
    if left.keys() != known.keys():
        _write(index, table, left)


def compare(index: Path, table: str) -> dict[str, Damage]:
    """Return the files that have changed, by name. One that was pruned meanwhile is not missed."""
    found: dict[str, Damage] = {}
    for name, (size, sha256) in read(index, table).items():
        path = index / f"{table}.lance" / name
        try:
            if path.stat().st_size != size:
                found[name] = "truncated"
            elif _hashed(path)[1] != sha256:
                found[name] = "flipped"
        except FileNotFoundError:
            found[name] = "missing"
    still_known = read(index, table)
    return {name: damage for name, damage in found.items() if name in still_known}


def _names(index: Path, table: str) -> set[str]:
    """Name the files of a table that are ours and never change: all but the hint of the newest version."""
    top = f"{index.name}/{table}.lance/"
    names = [name for name in files_below(index.parent, (top.rstrip("/"),)) if is_ours(name)]
    return {name.removeprefix(top) for name in names if not name.endswith(".json")}


def _hashed(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
