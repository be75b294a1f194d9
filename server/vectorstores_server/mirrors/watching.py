"""When a folder is to be looked at again: as the system tells, or every half minute where it tells nothing."""

import errno
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
from anyio import to_thread

from vectorstores_server.intake.gitignore import NAMES
from vectorstores_server.system.logs import event

log = logging.getLogger(__name__)

POLL_SECONDS = 30.0
SETTLE_SECONDS = 1.0
"""A folder is looked at once nothing has changed in it for so long."""
MOST_UNSETTLED = 5.0
"""Or after so long, however busy it is."""
TICK_SECONDS = 1.0
"""How long the end of a process may have to wait for the thread that listens."""
ROOT_SECONDS = 4.0
"""Between two looks whether the folder is still the one that is watched."""
SAFETY_SECONDS = 900.0
"""Between two whole walks where nothing was told of: a system may lose events."""
MOST_PLACES = 50
"""Folders that are looked at by themselves; if more have changed the whole is."""
NO_EVENTS = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.EINVAL, errno.EACCES})

Told = Literal["events", "polled"]


@dataclass(frozen=True, slots=True)
class FolderEvent:
    """A reason to look: the folders in which something has changed, none for the whole."""

    within: tuple[Path, ...] = ()
    by: Told = "events"


async def events_of(folder: Path, *, poll_seconds: float = POLL_SECONDS) -> AsyncGenerator[FolderEvent]:
    """Yield a reason to look whenever there is one; the first time at once."""
    while True:
        try:
            async with aclosing(_from_system(folder)) as events:
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
    while await to_thread.run_sync(_identity, folder) is not None:
        yield FolderEvent(by="polled")
        await anyio.sleep(seconds)


async def _from_system(folder: Path) -> AsyncGenerator[FolderEvent]:
    """Yield what the system tells, until the folder is another one. Raises OSError where it tells nothing."""
    from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]  # trio's event is not there

    before = await to_thread.run_sync(_identity, folder)
    if before is None:
        raise FileNotFoundError(errno.ENOENT, "it is not there", str(folder))

    def wanted(_: Change, path: str) -> bool:
        return _concerns(folder, path)

    quiet = 0.0
    watching = awatch(
        folder,
        watch_filter=wanted,
        debounce=int(1000 * MOST_UNSETTLED),
        step=int(1000 * SETTLE_SECONDS),
        rust_timeout=int(1000 * TICK_SECONDS),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    async with aclosing(watching) as changes:
        yield FolderEvent()
        async for changed in changes:
            quiet = 0.0 if changed else quiet + TICK_SECONDS
            if quiet % ROOT_SECONDS == 0 and await to_thread.run_sync(_identity, folder) != before:
                return
            if changed:
                yield FolderEvent(_places(folder, {path for _, path in changed}))
            elif quiet >= SAFETY_SECONDS:
                quiet = 0.0
                yield FolderEvent()


def _concerns(folder: Path, path: str) -> bool:
    """Tell whether a change can concern the store: nothing hidden does, but for the files of patterns."""
    try:
        parts = Path(path).relative_to(folder).parts
    except ValueError:
        return False
    if not parts or parts[-1] in NAMES:
        return True
    return not any(part.startswith(".") for part in parts)


def _places(folder: Path, paths: set[str]) -> tuple[Path, ...]:
    """Return the folders to look in, none for the whole."""
    changed = [Path(path) for path in paths]
    if any(path.name in NAMES or path == folder for path in changed):
        return ()
    places = {path.parent for path in changed}
    outer = {place for place in places if not any(other in place.parents for other in places)}
    return () if folder in outer or len(outer) > MOST_PLACES else tuple(sorted(outer))


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
