"""Files on their way into the index, without a file."""

from collections.abc import Collection, Sequence

from vectorstores_server.engines.local.catalog.revisions import BuiltRevision
from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision
from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.ingest.preparation import PreparedFile
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.document import Document


def prepared(rev: int, passages: int, priority: int = 0) -> PreparedFile:
    work = QueuedRevision(rev, rev, "vs_1", f"file-{rev}", "a.txt", "0" * 64, 1, "vs_1_1", None, None, 800, 400)
    cut = [Passage(i, i, i + 1, 1, None, ()) for i in range(passages)]
    return PreparedFile(work, Document("x" * passages), cut, [(0, passages)] * passages, priority=priority)


class ListSource:
    """Files of a list; notes in which order they are finished."""

    def __init__(self, works: Sequence[QueuedRevision]) -> None:
        self._works = list(works)
        self.finished: list[int] = []

    async def next(self, besides: Collection[int], sizes: range) -> Sequence[QueuedRevision]:
        return [w for w in self._works if w.bytes in sizes and w.rev not in besides and w.rev not in self.finished][:8]

    async def wanted(self, revs: Collection[int]) -> set[int]:
        return set(revs)

    async def finish(self, built: Sequence[BuiltRevision]) -> None:
        self.finished += [revision.rev for revision in built]

    async def progress(self, rev: int, built: int, of: int) -> None: ...

    async def drop(self, table: str, rev: int) -> None: ...

    async def refuse(self, work: QueuedRevision, failure: ParseFailure) -> None:
        raise AssertionError(failure.message)

    async def without_vectors(self, works: Sequence[QueuedRevision], reason: str) -> None: ...


def queued_work(rev: int, name: str) -> QueuedRevision:
    table = f"vs_{'0' * 24}_1"
    return QueuedRevision(rev, rev, "vs_1", f"file-{rev}", f"{name}.txt", "0" * 64, 1, table, None, None, 800, 400)
