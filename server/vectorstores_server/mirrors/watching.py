"""Reasons to look at a folder again: the system's events, or every half minute where there are none."""

import errno
import logging
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
from anyio import to_thread

from vectorstores_server.intake.gitignore import NAMES
from vectorstores_server.mirrors.listening import ROOT_SECONDS, SystemEvents, identity
from vectorstores_server.system.logs import event

log = logging.getLogger(__name__)

POLL_SECONDS = 30.0
SAFETY_SECONDS = 900.0
"""Seconds between two whole walks without an event: a system may lose events."""
MOST_PLACES = 50
"""The most changed folders that are looked at one by one; if there are more the whole is."""
NO_EVENTS = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.EINVAL, errno.EACCES, errno.EIO})

WatchedBy = Literal["events", "polled"]


@dataclass(frozen=True, slots=True)
class FolderEvent:
    """A reason to look: the folders in which something has changed, none for the whole."""

    within: tuple[Path, ...] = ()
    by: WatchedBy = "events"


async def events_of(
    folder: Path, system: SystemEvents, *, poll_seconds: float = POLL_SECONDS
) -> AsyncGenerator[FolderEvent]:
    """Yield a reason to look whenever there is one; the first time at once."""
    while True:
        try:
            async with aclosing(_from_system(folder, system)) as events:
                async for reason in events:
                    yield reason
        except FileNotFoundError:
            yield FolderEvent(by="polled")
            await anyio.sleep(min(poll_seconds, ROOT_SECONDS))
        except OSError as error:
            if error.errno not in NO_EVENTS:
                raise
            extra = event("mirror_polled", seconds=poll_seconds, errno=error.errno)
            log.warning("A followed folder gives no events (%s)", error.strerror or error, extra=extra)
            async for reason in _polled(folder, poll_seconds):
                yield reason


async def _polled(folder: Path, seconds: float) -> AsyncGenerator[FolderEvent]:
    """Yield a reason to look at the whole folder from time to time, for as long as it is there."""
    while await to_thread.run_sync(identity, folder) is not None:
        yield FolderEvent(by="polled")
        await anyio.sleep(seconds)


async def _from_system(folder: Path, system: SystemEvents) -> AsyncGenerator[FolderEvent]:
    """Yield the system's events, until another folder is in its place. Raises OSError where there are none."""
    async with system.watching(folder) as watched:
        yield FolderEvent()
        while True:
            paths: frozenset[str] | None = frozenset()
            with anyio.move_on_after(SAFETY_SECONDS):
                paths = await watched.changed()
            if paths is None:
                return
            yield FolderEvent(places(folder, paths))


def places(folder: Path, paths: Iterable[str]) -> tuple[Path, ...]:
    """Return the folders to look in for changes at these paths, none for the whole."""
    changed = [Path(path) for path in paths]
    if any(path.name in NAMES or path == folder for path in changed):
        return ()
    parents = {path.parent for path in changed}
    outer = {place for place in parents if not any(other in place.parents for other in parents)}
    return () if folder in outer or len(outer) > MOST_PLACES else tuple(sorted(outer))
