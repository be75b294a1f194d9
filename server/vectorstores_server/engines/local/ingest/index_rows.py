"""The way from passages to rows of the index: their words, and their vectors where the table has them."""

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

import anyio.to_thread

from vectorstores_server.engines.local.catalog.index_tables import TABLE_FORMAT
from vectorstores_server.engines.local.chunking.passage_text import embed_text, passage_words, text_of_before
from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.index import Rows
from vectorstores_server.engines.local.ingest.scheduler import PassageRun

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


async def make_rows(
    pieces: Sequence[PassageRun], embedder: Embedder | None, stop: Callable[[], bool], former: Embedder | None = None
) -> list[Rows]:
    """Return the rows of each piece. `former` embeds for stores whose vectors are not those of `embedder`.

    Raises the errors of the embedders.
    """
    dense = [piece for piece in pieces if piece.file.work.embedder is not None]
    known = None if embedder is None else embedder.identity
    old = [piece for piece in dense if former is not None and piece.file.work.embedder != known]
    vectors: dict[int, NDArray[float32]] = {}
    for part, maker in (([p for p in dense if p not in old], embedder), (old, former)):
        made = await _vectors(part, maker, stop) if part else []
        vectors |= {id(piece): of_piece for piece, of_piece in zip(part, made, strict=True)}
    return await anyio.to_thread.run_sync(lambda: [_rows(p, vectors.get(id(p))) for p in pieces])


async def _vectors(
    pieces: Sequence[PassageRun], embedder: Embedder | None, stop: Callable[[], bool]
) -> "list[NDArray[float32]]":
    """Return the vectors of each piece: copied where the file has been embedded before, made otherwise."""
    texts = await anyio.to_thread.run_sync(lambda: [_embed_texts(piece) for piece in pieces])
    found = [[piece.file.copied.find(text) for text in of] for piece, of in zip(pieces, texts, strict=True)]
    lacking = [t for of, has in zip(texts, found, strict=True) for t, v in zip(of, has, strict=True) if v is None]
    made = iter(await embedder.embed_documents(lacking, stop=stop) if lacking and embedder is not None else ())
    import numpy as np

    return [np.stack([next(made) if vector is None else vector for vector in has]) for has in found]


def _embed_texts(piece: PassageRun) -> list[str]:
    # A title helps the vectors, a file name does not: in front of each passage it cost a point of chunkeval's recall.
    document = piece.file.document
    return [embed_text(document, passage, document.title or "") for passage in _passages(piece)]


def _passages(piece: PassageRun) -> Sequence[Passage]:
    return piece.file.passages[piece.first : piece.last]


def _rows(piece: PassageRun, vectors: "NDArray[float32] | None") -> Rows:
    passages = _passages(piece)
    chunks = piece.file.chunks[piece.first : piece.last]
    return Rows(
        rev=piece.file.work.rev,
        ordinals=[p.ordinal for p in passages],
        starts=[p.start for p in passages],
        ends=[p.end for p in passages],
        chunk_starts=[start for start, _ in chunks],
        chunk_ends=[end for _, end in chunks],
        texts=_words(piece),
        vectors=vectors,
    )


def _words(piece: PassageRun) -> list[str]:
    file = piece.file
    if file.work.format < TABLE_FORMAT:
        title = file.document.title or PurePath(file.work.filename).stem
        return [text_of_before(file.document, passage, title) for passage in _passages(piece)]
    name = file.work.filename
    return [passage_words(file.document, p, name, inflected=file.inflected) for p in _passages(piece)]
