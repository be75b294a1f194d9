"""Finding files: a folder walked, or a glob matched, in a stable order."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

from anyio.from_thread import check_cancelled

from vectorstores_server.intake import exclusions, gitignore, text_files
from vectorstores_server.intake.files import stat_of
from vectorstores_server.intake.gitignore import GitIgnore
from vectorstores_server.intake.roots import Roots
from vectorstores_server.intake.secrets import is_secret, is_secret_folder
from vectorstores_server.intake.text_files import NEVER, UNREADABLE, FilesRead
from vectorstores_tools.contract.intake import FileStat

AnyPath = TypeVar("AnyPath", bound=PurePath)

MAX_SEEN = 100_000
MAGIC = re.compile(r"[*?\[]")
MOST_NAMES = 20_000
"""Names of files whose meaning is kept in memory: a folder that is followed is walked again and again."""
HIDDEN, IGNORED, UNSUPPORTED = "hidden", "in .gitignore", "unsupported type"
EXAMPLES = 5
"""The most passed-over files that are named; hidden and ignored ones are not, since nobody expects them."""


@dataclass(frozen=True, slots=True)
class FileCriteria:
    """The files that a walk takes: file name endings (lower case with the dot; none = all), whole names, and sizes.

    `any_text`: small files of other types too, if their bytes are text.
    """

    extensions: frozenset[str]
    max_bytes: int
    names: frozenset[str] = frozenset()
    any_text: bool = False

    def takes(self, name: "NameFacts") -> bool:
        """Tell whether a file may be taken, going by its name alone."""
        return not self.extensions or name.suffix in self.extensions or name.lower in self.names


@dataclass(slots=True)
class FolderWalk:
    """A walk and what it has found. `pattern` are the parts of a glob below the folder."""

    roots: Roots
    wanted: FileCriteria
    read: FilesRead
    """The small files that earlier walks have read."""
    pattern: tuple[str, ...] = ()
    top: Path | None = None
    """The folder that was walked; None where a file was named by itself."""
    files: list[str] = field(default_factory=list[str])
    skipped: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    seen: int = 0
    most_seen: int = MAX_SEEN
    within: Sequence[Path] = ()
    """The folders below which the walk looks; none: everywhere."""
    stats: dict[str, FileStat] = field(default_factory=dict[str, FileStat])
    """The status on disk of `files`, as far as a folder gave them."""
    unreadable: list[Path] = field(default_factory=list[Path])
    """Folders and files that cannot be read."""

    @property
    def full(self) -> bool:
        """True where it gave up counting."""
        return self.seen >= self.most_seen

    def folder(self, top: Path) -> None:
        """Walk `top`, a real path. To be called in a worker thread of anyio."""
        self.top = top
        places = [str(place) for place in self.within]
        pending = [_Folder(str(top), (), gitignore.around(top))]
        while pending and not self.full:
            check_cancelled()
            folder = pending.pop()
            entries = self._entries(folder.path)
            names = {entry.name for entry in entries}
            folder.ignores = gitignore.inside(Path(folder.path), folder.ignores, names)
            folder.beside = frozenset(map(str.lower, names))
            if folder.parts and exclusions.is_environment(folder.beside):
                self._skip(exclusions.REASON, "/".join(folder.parts))
                continue
            below: list[_Folder] = []
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    self._note_file(entry, folder, places)
                elif self._enters(entry, folder, places):
                    below.append(_Folder(entry.path, (*folder.parts, entry.name), folder.ignores))
            pending.extend(reversed(below))

    def _entries(self, folder: str) -> Sequence["os.DirEntry[str]"]:
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            self._skip(UNREADABLE, os.path.basename(folder))  # noqa: PTH119  # a walk makes no object for each path
            self.unreadable.append(Path(folder))
            return ()
        self.seen += len(found)
        return found

    def _note_file(self, entry: "os.DirEntry[str]", folder: "_Folder", places: Sequence[str]) -> None:
        """Take a regular file, or note why not. A walk meets few entries of another kind, so this has to be quick."""
        if (places or self.pattern) and not self._is_asked_for(entry, folder, places, is_folder=False):
            return
        reason = self._why_not_file(entry, folder)
        if reason is None:
            self.files.append(entry.path)
        else:
            self._skip(reason, "/".join((*folder.parts, entry.name)))

    def _why_not_file(self, entry: "os.DirEntry[str]", folder: "_Folder") -> str | None:
        if entry.name.startswith("."):
            return HIDDEN
        if folder.ignores is not None and folder.ignores.match(entry.path, is_folder=False):
            return IGNORED
        name = _facts_of(entry.name)
        if name.reason is not None:
            return name.reason
        known = self.wanted.takes(name)
        if not (known or self.wanted.any_text):
            return UNSUPPORTED
        try:
            stat = stat_of(entry.stat(follow_symlinks=False))
        except OSError:
            self.unreadable.append(Path(entry.path))
            return UNREADABLE
        reason = self._why_not_of(entry.path, stat, known=known)
        if reason is None:
            self.stats[entry.path] = stat
        return reason

    def _why_not_of(self, path: str, stat: FileStat, *, known: bool) -> str | None:
        if not known and stat.size > text_files.LARGEST:
            return UNSUPPORTED
        if stat.size > self.wanted.max_bytes:
            return "too large"
        if not stat.size:
            return "empty"
        return None if known else self.read.why_not_text(path, stat)

    def _enters(self, entry: "os.DirEntry[str]", folder: "_Folder", places: Sequence[str]) -> bool:
        """Tell whether an entry that is no regular file is a folder to walk; one that is neither is noted."""
        is_folder = entry.is_dir(follow_symlinks=False)
        if (places or self.pattern) and not self._is_asked_for(entry, folder, places, is_folder=is_folder):
            return False
        reason = self._why_not_into(entry, folder, is_folder=is_folder)
        if reason is not None:
            self._skip(reason, "/".join((*folder.parts, entry.name)))
        return reason is None

    def _is_asked_for(
        self, entry: "os.DirEntry[str]", folder: "_Folder", places: Sequence[str], *, is_folder: bool
    ) -> bool:
        if places and not _is_within(entry.path, places, is_folder=is_folder):
            return False
        parts = (*folder.parts, entry.name)
        return leads_to(parts, self.pattern) if is_folder else matches(parts, self.pattern)

    def _why_not_into(self, entry: "os.DirEntry[str]", folder: "_Folder", *, is_folder: bool) -> str | None:
        if entry.name.startswith("."):
            return HIDDEN
        if entry.is_symlink():
            return "symlink"
        if folder.ignores is not None and folder.ignores.match(entry.path, is_folder=is_folder):
            return IGNORED
        if not is_folder:
            return _facts_of(entry.name).reason or "not a regular file"
        if self.roots.is_denied(Path(entry.path)) or is_secret_folder(entry.name):
            return NEVER
        return exclusions.REASON if exclusions.is_left_out(entry.name, folder.beside) else None

    def _skip(self, reason: str, name: str) -> None:
        self.skipped[reason] += 1
        if self.skipped[reason] <= EXAMPLES and reason not in (HIDDEN, IGNORED):
            self.examples.setdefault(reason, []).append(name)


@dataclass(slots=True)
class _Folder:
    """A folder to walk. `beside` are the names in it, in lower case."""

    path: str
    parts: tuple[str, ...]
    ignores: GitIgnore | None
    beside: frozenset[str] = frozenset()


class NameFacts(NamedTuple):
    """A file's name in lower case, its ending with the dot, and the reason why no such file is taken, if any."""

    lower: str
    suffix: str
    reason: str | None


@lru_cache(maxsize=MOST_NAMES)
def _facts_of(filename: str) -> NameFacts:
    name = filename.lower()
    stem, _, ending = name.rpartition(".")
    suffix = f".{ending}" if stem and ending else ""  # as pathlib has it
    if is_secret(filename):
        return NameFacts(name, suffix, NEVER)
    return NameFacts(name, suffix, exclusions.REASON if exclusions.is_written_by_tools(filename) else None)


def _is_within(path: str, places: Sequence[str], *, is_folder: bool) -> bool:
    """Tell whether a file lies below one of the folders to look in, or a folder does or leads there."""
    return any(
        path.startswith(place + os.sep) or (is_folder and (path == place or place.startswith(path + os.sep)))
        for place in places
    )


def split_glob(path: AnyPath) -> tuple[AnyPath, tuple[str, ...]]:
    """Return the folder before the first part with a wildcard, and the parts from there; () without one."""
    parts = path.parts
    for i, part in enumerate(parts):
        if MAGIC.search(part) and part != path.anchor:  # \\\\?\\C:\\ is a drive
            return type(path)(*parts[:i]), parts[i:]
    return path, ()


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether a relative path matches a glob; `**` stands for any number of folders, no pattern for everything."""
    if not pattern:
        return True
    if pattern[0] == "**":
        rest = pattern[1:]
        return not rest or any(matches(parts[i:], rest) for i in range(len(parts)))
    return (
        bool(parts)
        and fnmatchcase(parts[0], pattern[0])
        and (matches(parts[1:], pattern[1:]) if len(pattern) > 1 else len(parts) == 1)
    )


def leads_to(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether files below this relative folder can match the glob."""
    if not pattern or pattern[0] == "**" or not parts:
        return True
    return len(pattern) > 1 and fnmatchcase(parts[0], pattern[0]) and leads_to(parts[1:], pattern[1:])
