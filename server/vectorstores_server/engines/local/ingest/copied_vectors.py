"""Vectors that need not be made again: those of a table's former rows, where the embedded text is the same.

Also the passages themselves where a table is to keep them: a remote embedder is never asked by a rebuild.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.chunking.passage_text import embed_text
from vectorstores_server.engines.local.chunking.passages import Passage
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.index import StoredPlace, StoredRows
from vectorstores_server.engines.local.parsing.document import Document

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CopiedVectors:
    """The vectors of a file's former passages, by the hash of the embedded text; empty where there are none."""

    vectors: "NDArray[float32] | None" = None
    rows: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def find(self, embedded: str) -> "NDArray[float32] | None":
        """Return the vector of this very text."""
        row = self.rows.get(_hash(embedded))
        return None if row is None or self.vectors is None else self.vectors[row]


def former_passages(document: Document, places: Sequence[StoredPlace], counter: TokenCounter) -> list[Passage]:
    """Return the passages that stand in a table, of the text that they were cut from."""
    return [
        Passage(
            ordinal,
            place.start,
            place.end,
            counter.count(document.text[place.start : place.end]),
            document.page_at(place.start),
            document.heading_path_at(place.start),
        )
        for ordinal, place in enumerate(places)
    ]


def copied_vectors(document: Document, stored: StoredRows, passages: Sequence[Passage]) -> CopiedVectors:
    """Keep the vectors of former passages by the text that was embedded for them."""
    if stored.vectors is None:
        return CopiedVectors()
    title = document.title or ""
    return CopiedVectors(
        stored.vectors, {_hash(embed_text(document, passage, title)): passage.ordinal for passage in passages}
    )


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
