"""`.gitignore` and `.vectorstoresignore` files: the nearest one that says anything about a path decides.

In a folder that has both, `.vectorstoresignore` has the last word.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from vectorstores_server.system import posix

NAMES = (".gitignore", ".vectorstoresignore")
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class GitIgnore:
    """A file of patterns of a folder, and those that hold around it."""

    folder: str
    """Its path, as that of everything below it begins."""
    spec: GitIgnoreSpec
    above: "GitIgnore | None"

    def match(self, path: str, *, is_folder: bool) -> bool:
        """Tell whether the path, below the folder, is ignored."""
        ignores: GitIgnore | None = self
        while ignores is not None:
            relative = path[len(ignores.folder) :].replace(os.sep, "/").lstrip("/") + ("/" if is_folder else "")
            verdict = ignores.spec.check_file(relative).include
            if verdict is not None:
                return verdict
            ignores = ignores.above
        return False


def inside(folder: Path, above: GitIgnore | None, names: Collection[str] = NAMES) -> GitIgnore | None:
    """Return the rules inside `folder`, `above` being those around it. `names` are those of its entries."""
    for name in NAMES:
        if name in names:
            above = _read(folder, name, above)
    return above


def _read(folder: Path, name: str, above: GitIgnore | None) -> GitIgnore | None:
    try:
        fd = posix.open_carefully(folder / name)
    except OSError:
        return above
    with os.fdopen(fd, "rb") as file:
        try:
            lines = file.read(MAX_BYTES).decode("utf-8-sig", "replace").splitlines()
        except OSError:
            return above
    return GitIgnore(str(folder), GitIgnoreSpec.from_lines(lines), above)


def around(folder: Path) -> GitIgnore | None:
    """Return the rules of the repository around `folder`, from its top down to the folder's parent."""
    if (folder / ".git").exists():
        return None
    above: list[Path] = []
    for parent in folder.parents:
        above.append(parent)
        if (parent / ".git").exists():
            break
    else:
        return None
    ignores: GitIgnore | None = None
    for parent in reversed(above):
        ignores = inside(parent, ignores)
    return ignores
