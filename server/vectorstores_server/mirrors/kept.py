"""One mirror whose lock is held here: walked when something has changed, and when it was asked for."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import anyio

from vectorstores_server.mirrors.listening import SystemEvents
from vectorstores_server.mirrors.walking import MirrorWalk
from vectorstores_server.mirrors.watching import POLL_SECONDS, FolderEvent, WatchedBy, events_of
from vectorstores_tools.contract.mirrors import Mirror


@dataclass(frozen=True, slots=True)
class KeeperTimes:
    """The waiting times of mirrors in seconds; tests have shorter ones.

    `first_look`: after the start of a process, which answers its client first. `ask`: between two looks whether a walk
    was asked for. `takeover`: between two tries to get a lock. `again`: between two walks while files that are gone may
    turn up elsewhere, which they may for `patience`. `poll`: between two walks where the system gives no events.
    """

    first_look: float = 2.0
    ask: float = 2.0
    takeover: float = 3.0
    again: float = 5.0
    patience: float = 30.0
    poll: float = POLL_SECONDS


class KeptMirror:
    """The task of one mirror."""

    def __init__(self, walk: MirrorWalk, times: KeeperTimes, system: SystemEvents) -> None:
        self._walk = walk
        self._times = times
        self._system = system
        self._walks = False
        self._waits = False
        self._by: WatchedBy = "events"
        self._woken = anyio.Event()

    @property
    def woken(self) -> bool:
        """True where somebody asked for a walk since the last look."""
        return self._woken.is_set()

    def wake(self) -> None:
        """Have it look at once whether a walk was asked for."""
        self._woken.set()

    def take(self, mirror: Mirror | None) -> None:
        """Take the mirror's new state, None if it has ended; have it look where there is something to do."""
        if not self._walks and (mirror is None or (mirror.due and not self._waits)):
            self.wake()

    async def run(self, *, watch: bool) -> None:
        """Do the walks that were asked for; with `watch` go on until the mirror has ended."""
        if watch:
            await self._watch()
            return
        while await self._look(FolderEvent()) and await self._is_due():
            if self._waits:
                await anyio.sleep(self._times.again)

    async def _watch(self) -> None:
        # Nothing is kept here: while a folder is walked, all events of the system become one reason to look.
        send, receive = anyio.create_memory_object_stream[FolderEvent | None](0)
        async with anyio.create_task_group() as tasks, send, receive:
            tasks.start_soon(self._tell, send.send)
            tasks.start_soon(self._ask, send.send)
            async for event in receive:
                if event is not None:
                    self._walk.watched = self._by = event.by
                elif await self._is_idle():
                    continue
                if not await self._look(event or FolderEvent(by=self._by)):
                    break
                if self._waits:
                    tasks.start_soon(self._wake_later)
            tasks.cancel_scope.cancel()

    async def _look(self, event: FolderEvent) -> bool:
        """Walk once; False when the mirror has ended."""
        self._walks = True
        try:
            outcome = await self._walk.run(() if self._waits else event.within)
        finally:
            self._walks = False
        self._waits = outcome is not None and outcome.waits
        return outcome is not None

    async def _is_due(self) -> bool:
        self._woken = anyio.Event()
        mirror = await self._walk.now()
        return mirror is not None and mirror.due

    async def _is_idle(self) -> bool:
        """Tell whether all walks that were asked for are done."""
        mirror = await self._walk.now()
        return mirror is not None and not mirror.due and not self._waits

    async def _tell(self, send: Callable[[FolderEvent], Awaitable[None]]) -> None:
        folder = Path(self._walk.mirror.folder)
        async with aclosing(events_of(folder, self._system, poll_seconds=self._times.poll)) as events:
            async for event in events:
                await send(event)

    async def _ask(self, send: Callable[[None], Awaitable[None]]) -> None:
        """Tell of a walk that was asked for, of the mirror's end, and when it is time to look for files once more."""
        while True:
            await self._woken.wait()
            self._woken = anyio.Event()
            await send(None)

    async def _wake_later(self) -> None:
        await anyio.sleep(self._times.again)
        self.wake()
