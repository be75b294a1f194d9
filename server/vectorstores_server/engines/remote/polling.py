"""Polling a remote: it sends no events about changes, so a caller that waits asks again and again."""

from collections.abc import Callable

import anyio

from vectorstores_server.engines.remote.http.client import RemoteClient

LONGEST = 10.0
"""Seconds between two looks after a long silence."""

SHARE = 0.25
"""The wait between looks, as a share of the time since our last change: long work is looked at less often."""


class PollingMarks:
    """Marks that grow with each change of ours and each look. The first looks are as far apart as the service says."""

    def __init__(self, client: RemoteClient, clock: Callable[[], float] = anyio.current_time) -> None:
        self._client = client
        self._clock = clock
        self._mark = 1
        self._changed_at: float | None = None
        self._news = anyio.Event()

    def restart(self) -> None:
        """Note that this process has changed something: callers that wait look at once, and then often again."""
        self._mark += 1
        self._changed_at = self._clock()
        self._news.set()
        self._news = anyio.Event()

    async def changed(self, since: int) -> int:
        """Wait, as the contract promises. Returns without a change, too, whenever it is time to look."""
        if since and since >= self._mark:
            with anyio.move_on_after(self.seconds):
                await self._news.wait()
            self._mark = max(self._mark, since + 1)
        return self._mark

    async def next_look(self) -> None:
        """Wait until it is time to look again."""
        await self.changed(self._mark)

    @property
    def seconds(self) -> float:
        """The seconds to wait before the next look."""
        first = self._client.poll_seconds
        quiet = 0.0 if self._changed_at is None else self._clock() - self._changed_at
        return max(first, min(LONGEST, quiet * SHARE))
