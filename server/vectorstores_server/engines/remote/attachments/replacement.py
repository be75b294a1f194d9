"""New versions of a source: the old file goes out of the store once the new one is completed."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

import anyio

from vectorstores_tools.contract.errors import NotFound, VectorStoreError

FINAL = frozenset({"completed", "failed", "cancelled"})
PATIENCE = 3600.0
"""Seconds for a file to show up in its store; 2,000 of them take seven minutes at the pace of a service."""


class SourceReplacement:
    """Files that leave a store once their successors are completed.

    `statuses` and `detach` are the remote's calls for files of a store.
    """

    def __init__(
        self,
        statuses: Callable[[str, Collection[str]], Awaitable[Mapping[str, str]]],
        detach: Callable[[str, str], Awaitable[object]],
    ) -> None:
        self._statuses = statuses
        self._detach = detach
        self._waiting: dict[str, dict[str, set[str]]] = {}
        """Store -> new file -> the old ones."""
        self._given_up_at = 0.0
        # One at a time: a caller that sees the new version completed must not see the old one on its way out.
        self._turn = anyio.Lock()
        self._finishing = False

    def expect(self, store_id: str, new: str, old: Iterable[str]) -> None:
        """Note that `new`, which was or will be attached, takes the place of `old`."""
        self._waiting.setdefault(store_id, {}).setdefault(new, set()).update(old)
        self._given_up_at = anyio.current_time() + PATIENCE

    def outgoing(self, store_id: str) -> frozenset[str]:
        """Return the files that are to leave once their successors are completed."""
        return frozenset(old for files in self._waiting.get(store_id, {}).values() for old in files)

    async def settle(self, store_id: str) -> None:
        """Take the replaced files out of this store. Raises the remote's errors."""
        if store_id not in self._waiting:
            return
        async with self._turn:
            waiting = self._waiting.get(store_id, {})
            statuses = await self._statuses(store_id, list(waiting))
            late = "cancelled" if anyio.current_time() > self._given_up_at else "in_progress"
            for new in list(waiting):
                await self._settle_one(store_id, new, statuses.get(new, late))
            if not waiting:
                self._waiting.pop(store_id, None)

    async def finish(self, next_look: Callable[[], Awaitable[object]]) -> None:
        """Settle all stores, as long as there is something to settle; what fails is tried again."""
        if self._finishing:
            return
        self._finishing = True
        while self._waiting:
            await next_look()
            for store_id in list(self._waiting):
                try:
                    await self.settle(store_id)
                except NotFound:
                    self._waiting.pop(store_id, None)
                except VectorStoreError:
                    continue
        self._finishing = False

    async def _settle_one(self, store_id: str, new: str, status: str) -> None:
        if status not in FINAL:
            return
        for old in self._waiting[store_id][new] if status == "completed" else ():
            try:
                await self._detach(store_id, old)
            except NotFound:
                continue
        del self._waiting[store_id][new]
