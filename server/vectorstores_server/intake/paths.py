"""Paths of this machine as callers write them: a path, one that begins with ~, or a file:// URL."""

import os
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from unicodedata import normalize
from urllib.parse import unquote, urlsplit

from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import InvalidRequest

LONGEST_PART = 255
"""Bytes of one part of a path: the limit of every common file system."""
LONGEST_PATH = 4_096
QUOTES = "\"'`"
_HERE = ("", "localhost")


def local_path(named: str) -> Path:
    """Return the path that was named, not yet looked at.

    Raises InvalidRequest for what no file can be called, and for a file:// URL of another machine.
    """
    path = path_text(named)
    return Path(path).expanduser() if path == "~" or path.startswith(("~/", "~\\")) else Path(path)


def path_text(named: str, *, windows: bool = os.name == "nt") -> str:
    """Return the path that was named, as that system writes it. Raises what `local_path` raises."""
    named = unquoted(named)
    path = _of_url(named, windows=windows) if is_file_url(named) else named
    if "\0" in path:
        raise _unusable(named, "a path cannot hold a NUL character")
    if len(os.fsencode(path)) > LONGEST_PATH or any(
        len(os.fsencode(p)) > LONGEST_PART for p in _parts(path, windows=windows)
    ):
        raise _unusable(named, f"a part of a path has at most {LONGEST_PART} bytes, a path {LONGEST_PATH:,}")
    return path


def as_listed(path: Path) -> Path:
    """Return the path as its folders list it: where case or accents do not count, one file has many spellings.

    So a file named by itself and the same file found in its folder have one origin. `path` is absolute.
    """
    found = Path(path.anchor)
    for part in path.parts[1:]:
        found /= _listed(found, part)
    return found


def _listed(folder: Path, name: str) -> str:
    """Return the name that the folder lists for this one; looks only where another spelling leads to the same file."""
    alike = {name.swapcase(), normalize("NFC", name), normalize("NFD", name)} - {name}
    with suppress(OSError):
        if any(_is_same(folder / name, folder / other) for other in alike):
            names = [entry.name for entry in folder.iterdir()]
            if name not in names:
                same = [other for other in names if _folded(other) == _folded(name)]
                return same[0] if len(same) == 1 else name
    return name


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _folded(name: str) -> str:
    return normalize("NFC", normalize("NFD", name).casefold())


def unquoted(named: str) -> str:
    """Return a path or URL without the blanks and the pair of quotes around it that a shell or a client left there."""
    bare = named.strip()
    while len(bare) > 2 and bare[0] == bare[-1] and bare[0] in QUOTES:
        bare = bare[1:-1].strip()
    return bare if bare != named.strip() else named


def is_file_url(named: str) -> bool:
    """Tell whether it is a file: URL."""
    return named[:5].lower() == "file:"


def _of_url(named: str, *, windows: bool) -> str:
    parts = urlsplit(named)
    if (parts.netloc or "").lower() not in _HERE:
        raise _unusable(named, f"it names a file of another machine, {line(parts.netloc)}")
    path = unquote(parts.path, errors="surrogateescape")
    # file:///C:/x names C:/x there; anywhere else a drive is a folder like others.
    if windows and PureWindowsPath(path[1:]).drive:
        return path[1:]
    return path


def _parts(path: str, *, windows: bool) -> list[str]:
    return path.replace("\\", "/").split("/") if windows else path.split("/")


def _unusable(named: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{line(named)}' cannot be read: {reason}.", "Write the whole path of a file.", param="paths"
    )
