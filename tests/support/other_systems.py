"""What other systems do, played on Linux: no POSIX, files that cannot go while they are open, names that are alike."""

import errno
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any
from unicodedata import normalize

import pytest

from vectorstores_server.system import posix

LACKING = {"O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "getpriority", "setpriority", "PRIO_PROCESS", "getppid", "fchmod"}


class System(ModuleType):
    """A standard module as another system has it: some of it is different, some is missing."""

    def __init__(self, real: ModuleType, lacking: set[str], **other: object) -> None:
        super().__init__(real.__name__)
        self.__dict__.update({"_real": real, "_lacking": lacking, **other})

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__["_lacking"]:
            raise AttributeError(name)
        return getattr(self.__dict__["_real"], name)


@contextmanager
def elsewhere(platform: str) -> Generator[None]:
    """Let system/posix.py find itself on another system, for which it has its lesser forms."""
    name = "nt" if platform == "win32" else "posix"
    lacking = LACKING if platform == "win32" else {"getpriority", "setpriority"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posix, "sys", System(sys, set(), platform=platform))
        patch.setattr(posix, "os", System(os, lacking, name=name))
        if platform == "win32":
            patch.setattr(posix, "_CAREFULLY", os.O_RDONLY)
            patch.setattr(posix, "_OPEN", os.O_RDONLY)
        yield


class SharingViolationError(PermissionError):
    """What Windows raises for a file that somebody has open."""

    winerror = 32

    def __init__(self, path: object) -> None:
        super().__init__(errno.EACCES, "The process cannot access the file: it is being used by another", str(path))


@contextmanager
def kept_while_open() -> Generator[list[str]]:
    """Refuse to unlink, rename or replace what this process has open, as Windows does; yields what was refused."""
    refused: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("unlink", "remove", "rename", "replace"):
            patch.setattr(os, name, _refusing(getattr(os, name), refused))
        yield refused


def _refusing(real: Callable[..., None], refused: list[str]) -> Callable[..., None]:
    def call(*paths: Any, **more: Any) -> None:
        for path in paths:
            if _is_open(path):
                refused.append(str(path))
                raise SharingViolationError(path)
        real(*paths, **more)

    return call


def _is_open(path: str | Path) -> bool:
    real = Path(path).resolve()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if descriptor.readlink() == real:
                return True
    return False


def folded(name: str) -> str:
    """What counts of a name, where case and the way of writing accents do not."""
    return normalize("NFD", name).lower()


@contextmanager
def names_alike() -> Generator[None]:
    """Let every spelling of a name lead to its file, as on macOS and Windows; folders list the name that was given."""
    with pytest.MonkeyPatch.context() as patch:
        scan = os.listdir
        for name in ("stat", "lstat", "open", "scandir", "listdir", "readlink"):
            patch.setattr(os, name, _folding(getattr(os, name), scan))
        yield


def _folding(real: Callable[..., Any], scan: Callable[[Path], list[str]]) -> Callable[..., Any]:
    def call(path: Any = ".", *more: Any, **options: Any) -> Any:
        return real(path if isinstance(path, int | bytes) else _spelt(Path(path), scan), *more, **options)

    return call


def _spelt(path: Path, scan: Callable[[Path], list[str]]) -> Path:
    found = Path(path.anchor)
    for part in path.parts[len(found.parts) :]:
        try:
            listed = scan(found)
        except OSError:
            return path
        alike = [name for name in listed if folded(name) == folded(part)]
        found /= part if part in listed or not alike else alike[0]
    return found
