"""A file prepared for the index, without a file."""

from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.ingest.preparation import PreparedFile
from vectorstores_server.engines.local.parsing.document import Document


def prepared(rev: int, passages: int, priority: int = 0) -> PreparedFile:
    from vectorstores_server.engines.local.catalog.work_queue import QueuedRevision

    work = QueuedRevision(rev, rev, "vs_1", f"file-{rev}", "a.txt", "0" * 64, 1, "vs_1_1", None, None, 800, 400)
    cut = [Passage(i, i, i + 1, 1, None, ()) for i in range(passages)]
    return PreparedFile(work, Document("x" * passages), cut, [(0, passages)] * passages, priority=priority)
