"""`search`: ask a store, and see what it finds and where."""

import argparse
import textwrap

from vectorstores_server.console.lookups import engine_of, usable_store
from vectorstores_server.console.terminal import counted, say
from vectorstores_server.settings import APP, Settings
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.models import SearchHit, SearchPage
from vectorstores_tools.contract.requests import MAX_QUERY_CHARACTERS, MOST_RESULTS, SearchRequest
from vectorstores_tools.rendering.copies import sentence_of
from vectorstores_tools.rendering.excerpts import Excerpts, words

EXCERPT = 400
WIDTH = 100


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the hits, best first."""
    query = " ".join(arguments.query)
    request = _request(query, arguments.results)
    async with engine_of(settings) as engine:
        store = await usable_store(engine, arguments.store)
        page = await engine.search(store.id, request)
    for number, hit in enumerate(page.data, 1):
        _show(number, hit, store.id, query)
    _tell(page)
    return 0


def _request(query: str, results: int) -> SearchRequest:
    if not 1 <= results <= MOST_RESULTS:
        raise InvalidRequest(f"--results is {results}.", f"It takes 1 to {MOST_RESULTS}.")
    if not query.strip():
        raise InvalidRequest("The question is empty.", "Write some words.")
    if len(query) > MAX_QUERY_CHARACTERS:
        raise InvalidRequest(
            f"The question has {len(query):,} characters.", f"Write one of at most {MAX_QUERY_CHARACTERS:,}."
        )
    return SearchRequest(queries=[query], max_num_results=results, fold=True)


def _show(number: int, hit: SearchHit, store_id: str, query: str) -> None:
    say(f"{number}. {hit.score:.2f}  {citation(hit)}")
    say(f"   {uris.file(store_id, hit.file_id, *(hit.chars or ()), text_id=hit.text_id)}")
    text = hit.text
    start = hit.chars[0] if hit.chars else 0
    matches = [(a - start, b - start) for a, b in (hit.matches or [])[:1]] or [(0, len(text))]
    shown = Excerpts(text, matches, EXCERPT, words([query])).focused().grown(0)
    for row in textwrap.wrap(line(shown, EXCERPT + 2), WIDTH):
        say(f"   {row}")
    if hit.also_in:
        say(f"   {sentence_of(hit.also_in, ids=False)}")
    say()


def citation(hit: SearchHit) -> str:
    """Return the place of a hit: file, page, headings, lines; unknown ones are left out."""
    parts = [line(hit.path or hit.filename or hit.file_id)]
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
    missing = page.not_searched
    if missing is not None and missing.in_progress:
        say(f"{_were(missing.in_progress)} not searched yet: still in progress.")
    if missing is not None and missing.failed:
        say(f"{_were(missing.failed)} not searched: failed; `{APP} ls STORE` shows why.")
    for note in page.notes:
        say(line(note, 500))


def _were(count: int) -> str:
    return f"{counted(count, 'file')} {'was' if count == 1 else 'were'}"
