"""The other places of a hit's text, as facts and in words (pure)."""

from typing import Any

from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.models import Copies, Copy, SearchHit

MAX_NAME = 120


def shown(hit: SearchHit, store_id: str, *, whole: bool) -> dict[str, Any] | None:
    """Return the copies as an object has them; their number alone where there is no room."""
    if hit.also_in is None:
        return None
    files = [
        {
            "file_id": line(copy.file_id),
            "filename": called(copy),
            "uri": uris.file(copy.vector_store_id or store_id, copy.file_id, *(copy.chars or ()), text_id=copy.text_id),
        }
        for copy in hit.also_in.files
    ]
    return {"total": hit.also_in.total} | ({"files": files} if whole else {})


def sentence_of(copies: Copies, *, whole: bool = True, ids: bool = True) -> str:
    """Return the copies in words; `ids` with the file's after its name."""
    named = [f"{called(copy)} ({line(copy.file_id)})" if ids else called(copy) for copy in copies.files if whole]
    more = copies.total - len(named)
    if not named:
        return f"also in {more} {'other place' if more == 1 else 'other places'}"
    rest = f" and {more} more" if more else ""
    return f"also in {', '.join(named)}{rest}"


def called(copy: Copy) -> str:
    """Return the name of a copy's file: its path, where that is known."""
    return line(copy.path or copy.filename, MAX_NAME)
