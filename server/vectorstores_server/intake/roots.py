"""Paths that may be read: below a root, and not on the deny list."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vectorstores_server.intake.paths import local_path
from vectorstores_server.intake.secrets import is_secret, is_secret_folder
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed

KEYS = "its name is one that files with keys and passwords have"


@dataclass(frozen=True, slots=True)
class Roots:
    """Folders (or single files) that may be read, and folders below them that may not. All are real paths."""

    allowed: tuple[Path, ...]
    denied: tuple[Path, ...]

    @classmethod
    def of(cls, allowed: Sequence[Path], data: Path) -> "Roots":
        """Roots as somebody named them; `data` is the server's own directory."""
        home = Path.home()
        denied = (data, home / "Library", home / "AppData")
        return cls(tuple(p.expanduser().resolve() for p in allowed), tuple(p.resolve() for p in denied))

    def check(self, real: Path, named: str) -> None:
        """Raise NotAllowed unless the real path may be read. `named` is how the caller called it."""
        below = [root for root in self.allowed if real == root or root in real.parents]
        if not below:
            raise NotAllowed(f"'{named}' is outside the folders that may be read: {self}.", self._way_in())
        if any(self.refusal(real, root) is None for root in below):
            return
        raise NotAllowed(f"'{named}' may not be read: {self.refusal(real, below[0])}.", "Name another file.")

    def refusal(self, real: Path, root: Path) -> str | None:
        """Return why a path below `root` is denied, or None. A root may be hidden, but is no key either."""
        if any(real == folder or folder in real.parents for folder in self.denied):
            return "it lies in a folder that is never read"
        folder = real.is_dir()
        if not folder and is_secret(real.name):
            return KEYS
        parts = real.relative_to(root).parts
        if any(part.startswith(".") for part in parts):
            return "hidden files and folders are never read"
        return KEYS if any(is_secret_folder(part) for part in parts[: None if folder else -1]) else None

    def is_denied(self, folder: Path) -> bool:
        """Tell whether a walk must not enter."""
        return folder in self.denied

    def absolute(self, named: str) -> Path:
        """Return the path that was named, by itself or as a file:// URL. Raises InvalidRequest for a relative one."""
        path = local_path(named)
        if not path.is_absolute():
            raise InvalidRequest(
                f"'{named}' is a relative path.", f"Write the whole path, below one of: {self}.", param="paths"
            )
        return path

    def _way_in(self) -> str:
        return (
            "Name a path below one of them, or have the operator add the folder to VECTOR_STORES_FILE_ROOTS."
            if self.allowed
            else "The operator can allow folders with VECTOR_STORES_FILE_ROOTS."
        )

    def __str__(self) -> str:
        return ", ".join(str(root) for root in self.allowed) or "none"
