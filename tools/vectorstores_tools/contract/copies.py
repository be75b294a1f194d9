"""Copies: hits that show the same text are one hit, which names where else the text stands (pure)."""

import unicodedata
from collections.abc import Iterable

from vectorstores_tools.contract.characters import clean
from vectorstores_tools.contract.models import Copies, Copy, SearchHit


def comparable(text: str) -> str:
    """Return the form in which copies of a text are equal, without differences of spacing, form and unseen signs."""
    return " ".join(unicodedata.normalize("NFKC", clean(text)).split())


def folded(hits: Iterable[SearchHit]) -> list[SearchHit]:
    """Fold hits of equal text into the first of them, which names the others; one without text stays as it is."""
    kept: dict[object, list[SearchHit]] = {}
    for number, hit in enumerate(hits):
        text = comparable(hit.text)
        kept.setdefault(text or number, []).append(hit)
    return [with_copies(first, others) for first, *others in kept.values()]


def with_copies(hit: SearchHit, others: Iterable[SearchHit]) -> SearchHit:
    """Return the hit with further ones, and the hits folded into these, as its copies."""
    known = hit.also_in or Copies()
    total, files = known.total, list(known.files)
    for other in others:
        folded_before = other.also_in or Copies()
        total += 1 + folded_before.total
        files += [_copy(other), *folded_before.files]
    return hit.model_copy(update={"also_in": Copies(total=total, files=files)}) if total else hit


def _copy(hit: SearchHit) -> Copy:
    return Copy(
        file_id=hit.file_id,
        filename=hit.filename,
        path=hit.path,
        vector_store_id=hit.vector_store_id,
        chars=hit.chars,
        text_id=hit.text_id,
    )
