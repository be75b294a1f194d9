"""From passages to rows of the index: their texts, and their vectors where the table has them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio.to_thread

from vectorstores_server.engines.local.chunking.passage_text import embed_text, index_text
from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.index import Rows
from vectorstores_server.engines.local.ingest.scheduler import PassageRun

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


async def make_rows(pieces: Sequence[PassageRun], embedder: Embedder | None, stop: Callable[[], bool]) -> list[Rows]:
    """Return one Rows a piece. Raises what the embedder raises."""
    dense = [piece for piece in pieces if piece.file.work.embedder is not None]
    vectors: dict[int, NDArray[float32]] = {}
    if dense and embedder is not None:
        texts = await anyio.to_thread.run_sync(_embed_texts, dense)
        embedded = await embedder.embed_documents(texts, stop=stop)
        at = 0
        for piece in dense:
            vectors[id(piece)] = embedded[at : at + piece.last - piece.first]
            at += piece.last - piece.first
    return await anyio.to_thread.run_sync(lambda: [_rows(p, vectors.get(id(p))) for p in pieces])


def _embed_texts(pieces: Sequence[PassageRun]) -> list[str]:
    # A title helps the vectors, a file name does not: in front of each passage it cost a point of chunkeval's recall.
    return [
        embed_text(piece.file.document, passage, piece.file.document.title or "")
        for piece in pieces
        for passage in piece.file.passages[piece.first : piece.last]
    ]


def _rows(piece: PassageRun, vectors: "NDArray[float32] | None") -> Rows:
    file = piece.file
    passages = file.passages[piece.first : piece.last]
    chunks = file.chunks[piece.first : piece.last]
    return Rows(
        rev=file.work.rev,
        ordinals=[p.ordinal for p in passages],
        starts=[p.start for p in passages],
        ends=[p.end for p in passages],
        chunk_starts=[start for start, _ in chunks],
        chunk_ends=[end for _, end in chunks],
        texts=[index_text(file.document, p, file.title) for p in passages],
        vectors=vectors,
    )
