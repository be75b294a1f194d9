"""The intake of the machine that the server runs on."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from vectorstores_server.intake.encoding import in_utf_8
from vectorstores_server.intake.files import is_link, not_regular, open_file
from vectorstores_server.intake.folders import EXAMPLES, MAX_SEEN, FileCriteria, FolderWalk, split_glob
from vectorstores_server.intake.paths import as_listed, local_path, unquoted
from vectorstores_server.intake.roots import Roots
from vectorstores_server.intake.text_files import FilesRead
from vectorstores_server.intake.urls import MAX_BYTES, UrlFetcher
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.engine import Capabilities
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed, TooLarge
from vectorstores_tools.contract.intake import FileStat, FolderListing, Source, Survey

MAX_FILES = 2_000
MOST_IN_MIRROR = 1_000_000
"""Entries of a mirrored folder, whatever they are; of those that are taken, 100,000 at most."""


@dataclass(frozen=True, slots=True)
class MachineIntake:
    """Implements `Intake`. `roots` are the operator's; None leaves them to the client, and to the home directory."""

    data: Path
    wanted: FileCriteria
    roots: Sequence[Path] | None = None
    urls: UrlFetcher = field(default_factory=lambda: UrlFetcher(()))
    max_files: int = MAX_FILES
    encoding: str | None = None
    """The encoding of text that is not UTF-8, where the operator states it."""
    _read: FilesRead = field(default_factory=FilesRead, init=False, repr=False)

    async def survey(self, named: Sequence[str], roots: Sequence[Path] | None) -> Survey:
        """Find files, as `Intake.survey` says, in the order of `named`, then by folder and name; each origin once."""
        return await to_thread.run_sync(self._survey, named, self._roots(roots))

    def open(self, origin: str, roots: Sequence[Path] | None) -> AbstractAsyncContextManager[Source]:
        """Open one origin, as `Intake.open` says."""
        opened = self._open(origin, roots)
        return in_utf_8(opened, self.encoding) if self.encoding else opened

    async def mirror_root(self, named: str, client: Sequence[Path] | None) -> str:
        """Return the real path of a folder, as `FolderIntake.mirror_root` says."""
        return await to_thread.run_sync(self._mirror_root, named, client)

    def _mirror_root(self, named: str, client: Sequence[Path] | None) -> str:
        path = self._roots(client).absolute(unquoted(named))
        real = as_listed(path.resolve())
        self._roots(client).check(real, named)
        self._roots(None).check(real, named)
        if not real.is_dir():
            raise InvalidRequest(
                f"'{named}' is no folder.", "A store follows whole folders; leave out mirror for files.", param="paths"
            )
        return str(real)

    def may_follow(self, folder: str) -> bool:
        """Tell whether a folder may be walked, as `FolderIntake.may_follow` says."""
        try:
            self._roots(None).check(Path(folder), folder)
        except NotAllowed:
            return False
        return True

    async def walk(self, folder: str, within: Sequence[Path] = ()) -> FolderListing:
        """Return the files of a folder, as `FolderIntake.walk` says."""
        return await to_thread.run_sync(self._walk, folder, within)

    def _walk(self, folder: str, within: Sequence[Path]) -> FolderListing:
        top = Path(folder)
        if top.resolve() != top or not top.is_dir():
            return FolderListing({}, unreadable=[top])
        walk = FolderWalk(self._roots(None), self.wanted, self._read, most_seen=MOST_IN_MIRROR, within=within)
        walk.folder(top)
        return FolderListing(walk.stats, walk.unreadable, dict(walk.skipped), full=walk.full)

    def _open(self, origin: str, roots: Sequence[Path] | None) -> AbstractAsyncContextManager[Source]:
        origin = unquoted(origin)
        if _is_url(origin):
            return self.urls.open(origin)
        return open_file(local_path(origin), self._roots(roots), self.wanted.max_bytes)

    def _roots(self, client: Sequence[Path] | None) -> Roots:
        if self.roots is not None:
            return Roots.of(self.roots, self.data)
        return Roots.of([Path.home()] if client is None else client, self.data)

    def _survey(self, named: Sequence[str], roots: Roots) -> Survey:
        origins: dict[str, str | None] = {}
        skipped: Counter[str] = Counter()
        examples: dict[str, list[str]] = {}
        stats: dict[str, FileStat] = {}
        for named_path in map(unquoted, named):
            if _is_url(named_path):
                self.urls.check(named_path)
                origins[named_path] = None
                continue
            walk = self._find(named_path, roots)
            skipped.update(walk.skipped)
            stats.update(walk.stats)
            for reason, passed_over in walk.examples.items():
                examples[reason] = [*examples.get(reason, ()), *passed_over][:EXAMPLES]
            folder = None if walk.top is None else str(walk.top)
            for path in walk.files:
                origins[path] = origins.get(path) or folder
            if len(origins) > self.max_files or walk.full:
                raise self._too_many(roots.absolute(named_path), walk)
        folders = {origin: folder for origin, folder in origins.items() if folder is not None}
        return Survey(list(origins), dict(skipped), examples, folders, stats)

    def _find(self, named: str, roots: Roots) -> FolderWalk:
        path = roots.absolute(named)
        top, pattern = (path, ()) if path.exists() else split_glob(path)
        real = as_listed(top.resolve() if top.is_dir() else top.parent.resolve() / top.name)
        roots.check(real, named)
        walk = FolderWalk(roots, self.wanted, self._read, pattern)
        if real.is_dir():
            walk.folder(real)
        elif pattern:
            raise InvalidRequest(f"There is no folder '{top}'.", "Check the spelling.", param="paths")
        else:
            walk.files.append(str(_one_file(real)))
        if pattern and not walk.files and not walk.skipped:
            raise InvalidRequest(
                f"No file matches '{named}'.", "** stands for any folders: docs/**/*.md", param="paths"
            )
        return walk

    def _too_many(self, named: Path, walk: FolderWalk) -> TooLarge:
        top = split_glob(named)[0].resolve()
        files = map(Path, walk.files)
        below = Counter(path.relative_to(top).parts[0] for path in files if path.parent != top)
        folders = ", ".join(f"{top / name} ({count:,})" for name, count in below.most_common(10))
        found = f"more than {MAX_SEEN:,} entries" if walk.full else f"{len(walk.files):,} files"
        return TooLarge(
            f"'{named}' has {found}; one call takes at most {self.max_files:,} files.",
            f"Name its sub-folders in several calls: {folders}." if folders else "Name fewer, with a narrower glob.",
            param="paths",
        )


def intake_for(settings: Settings, capabilities: Capabilities, *, over_http: bool = False) -> MachineIntake:
    """Return the intake that a server of these settings has: without roots for a remote engine and over HTTP.

    A client that comes over HTTP sits at another machine, and what goes to a remote leaves this one.
    """
    default = () if capabilities.remote or over_http else None
    return MachineIntake(
        data=settings.storage.data,
        wanted=FileCriteria(
            capabilities.extensions,
            min(settings.intake.max_file_bytes, capabilities.max_file_bytes),
            capabilities.names,
            capabilities.any_text,
        ),
        roots=default if settings.intake.file_roots is None else settings.intake.file_roots,
        urls=UrlFetcher(settings.intake.url_hosts, min(MAX_BYTES, settings.intake.max_file_bytes)),
        encoding=settings.intake.encoding,
    )


def _one_file(path: Path) -> Path:
    """Return a file that was named itself; whether it may be read is seen when it is opened."""
    if path.is_symlink():
        raise is_link(path)
    if not path.exists():
        raise InvalidRequest(f"There is no file or folder '{path}'.", "Check the spelling.", param="paths")
    if not path.is_file():
        raise not_regular(path)
    return path


def _is_url(named: str) -> bool:
    return named.lower().startswith(("https://", "http://"))
