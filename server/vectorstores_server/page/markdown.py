"""Hits as Markdown that a person pastes elsewhere: a document's text stays text, inside a fence of its own (pure)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.models import VectorStore

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+.!|~-])")


def as_markdown(query: str, store: VectorStore, hits: Sequence[Mapping[str, Any]]) -> str:
    """Return the hits, best first, each with its citation."""
    head = f"# {_plain(query)}\n\n{len(hits)} hits in {_plain(store.name or store.id)} (`{store.id}`).\n"
    return "\n".join([head, *(_hit(number, hit) for number, hit in enumerate(hits, 1))])


def _hit(number: int, hit: Mapping[str, Any]) -> str:
    lines = hit.get("lines")
    where = [
        *([f"page {hit['page']}"] if hit.get("page") else []),
        *([_plain(" > ".join(hit["heading_path"]))] if hit.get("heading_path") else []),
        *([f"lines {lines[0]}-{lines[1]}"] if lines else []),
        f"score {hit['score']:.2f}",
    ]
    copies = hit.get("also_in", {})
    named = [_plain(copy["filename"]) for copy in copies.get("files", ())]
    if more := copies.get("total", 0) - len(named):
        named.append(f"{more} more")
    if named:
        where.append(f"also in {', '.join(named)}")
    text = str(hit.get("text", ""))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    name = _plain(str(hit.get("filename", hit["file_id"])))
    return f"## {number}. {name}\n\n{', '.join(where)}; <{hit['uri']}>\n\n{fence}text\n{text}\n{fence}\n"


def _plain(text: str) -> str:
    """Return a name in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", line(text))
