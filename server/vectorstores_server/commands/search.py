"""`search`: ask a store, and see what it finds and where."""

import argparse
import textwrap

from pydantic import ValidationError

from vectorstores_server.commands.opened import engine_of, find_store
from vectorstores_server.settings import Settings
from vectorstores_server.terminal import say
from vectorstores_tools import uris
from vectorstores_tools.fencing import clean, line
from vectorstores_tools.models import SearchHit, SearchPage, SearchRequest
from vectorstores_tools.validation import invalid
from vectorstores_tools.windows import Excerpts, words

EXCERPT = 400
WIDTH = 100


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the hits, best first."""
    query = " ".join(arguments.query)
    try:
        request = SearchRequest(queries=[query], max_num_results=arguments.results)
    except ValidationError as error:
        raise invalid([dict(one) for one in error.errors()]) from None
    async with engine_of(settings) as engine:
        store = await find_store(engine, arguments.store)
        page = await engine.search(store.id, request)
    for number, hit in enumerate(page.data, 1):
        _show(number, hit, store.id, query)
    _tell(page)
    return 0


def _show(number: int, hit: SearchHit, store_id: str, query: str) -> None:
    say(f"{number}. {hit.score:.2f}  {citation(hit)}")
    say(f"   {uris.file(store_id, hit.file_id, *(hit.chars or ()))}")
    text = "\n".join(part.text for part in hit.content)
    start = hit.chars[0] if hit.chars else 0
    matches = [(a - start, b - start) for a, b in (hit.matches or [])[:1]] or [(0, len(text))]
    shown = Excerpts(text, matches, EXCERPT, words([query])).grown(0)
    for row in textwrap.wrap(line(clean(shown), EXCERPT + 2), WIDTH):
        say(f"   {row}")
    say()


def citation(hit: SearchHit) -> str:
    """Return where a hit stands: file, page, headings, lines; what is not known is left out."""
    parts = [line(hit.filename or hit.file_id)]
    if hit.page is not None:
        parts.append(f"page {hit.page}")
    if hit.heading_path:
        parts.append(" > ".join(line(heading, 60) for heading in hit.heading_path))
    if hit.lines is not None:
        parts.append(f"lines {hit.lines[0]}-{hit.lines[1]}")
    return ", ".join(parts)


def _tell(page: SearchPage) -> None:
    if not page.data:
        say("Nothing was found." if page.store_files else "The store is empty.")
    if page.not_searched is not None and page.not_searched.in_progress:
        say(f"{page.not_searched.in_progress} files are still in progress and were not searched.")
    for note in page.notes:
        say(note)
