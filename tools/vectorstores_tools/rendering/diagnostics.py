"""Diagnostics of a search: files that it could not see, and why it found nothing, as facts and sentences (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vectorstores_tools.arguments.absence import filter_present
from vectorstores_tools.arguments.inputs import Search
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.characters import json_line, line
from vectorstores_tools.contract.models import HeldKey, SearchPage
from vectorstores_tools.rendering.reply import room

STORES_EXPLAINED = 3
NOTE = 200
KEYS_EXPLAINED = 3
LONGEST_VALUE = 40
"""Characters of a key or value that is quoted: they are somebody's words."""
NOTES = 3
"""The most notes that are shown; together they have at most a quarter of the answer."""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The pages of one search, by store."""

    call: ToolCall
    pages: Mapping[str, SearchPage]
    given: Search
    max_tokens: int
    expired: Sequence[str] = ()
    """Stores that were asked for and have expired."""

    def facts(self, found: bool) -> dict[str, Any]:
        """Return the facts of the search as a whole, for the answer's object."""
        facts: dict[str, Any] = {}
        if unseen := self._unseen():
            facts["not_searched"] = unseen
        if not found:
            facts["reason"] = self._reasons()
        if notes := self._notes():
            facts["notes"] = notes
        if step := self._next(found):
            facts["next"] = step
        return facts

    def sentences(self, found: bool) -> list[str]:
        """Return the same as sentences."""
        facts = self.facts(found)
        lines = [f"No hits: {facts['reason']}."] if "reason" in facts else []
        if "not_searched" in facts:
            lines.append(f"Not searched: {_counted(facts['not_searched'])}.")
        lines += facts.get("notes", [])
        return [*lines, f"Next: {facts['next']}."] if "next" in facts else lines

    def _unseen(self) -> dict[str, Any]:
        unseen = [page.not_searched for page in self.pages.values() if page.not_searched]
        counts = {"in_progress": sum(u.in_progress for u in unseen), "failed": sum(u.failed for u in unseen)}
        expired = {"expired": [line(store_id) for store_id in self.expired]} if self.expired else {}
        return {status: count for status, count in counts.items() if count} | expired

    def _notes(self) -> list[str]:
        notes = list(dict.fromkeys(note for page in self.pages.values() for note in page.notes))[:NOTES]
        limit = min(NOTE, room(self.max_tokens) // 4 // max(1, len(notes)))
        return [line(note, limit) for note in notes]

    def _reasons(self) -> str:
        several = len(self.pages) > 1
        reasons = [
            (f"{store_id}: " if several else "") + self._reason(page)
            for store_id, page in list(self.pages.items())[:STORES_EXPLAINED]
        ]
        more = "; ..." if len(self.pages) > STORES_EXPLAINED else ""
        return "; ".join(reasons) + more

    def _reason(self, page: SearchPage) -> str:
        return why_nothing(page, filters.parse_filter(filter_present(self.given.filters)))

    def _next(self, found: bool) -> str | None:
        page_of = list(self.pages.items())
        for store_id, page in page_of:
            if page.not_searched and page.not_searched.in_progress:
                return f"{self.call.waits_for(vector_store_id=store_id)}, then search again"
        for store_id, page in page_of:
            if page.not_searched and page.not_searched.failed:
                return f"list(vector_store_id='{store_id}', filter='failed') says why files failed"
        return None if found else self._way_out(*page_of[0])

    def _way_out(self, store_id: str, page: SearchPage) -> str | None:
        if page.below_threshold:
            return "lower ranking_options.score_threshold"
        if page.store_files == 0:
            return f"batch_attach(vector_store_id='{store_id}', paths=[...]) adds files"
        if page.files == 0 and self.given.filters is not None:
            return f"list(vector_store_id='{store_id}') shows the attributes"
        return "other words, or several queries in one call"


def why_nothing(page: SearchPage, filter: filters.Filter | None) -> str:
    """Say why a search with this filter found nothing."""
    waiting = page.not_searched.in_progress if page.not_searched else 0
    if page.below_threshold:
        best = f" (best score {page.best_below:.3f})" if page.best_below is not None else ""
        return f"score_threshold removed {page.below_threshold}{best}"
    if page.store_files == 0 and not waiting:
        return "the store is empty"
    if page.files == 0 and filter is not None and (page.store_files or 0) > 0:
        return "; ".join(["the filter matches no file", *_unmet_parts(page, filter)])
    if waiting:
        return f"{waiting} file{'s are' if waiting > 1 else ' is'} still in progress"
    return "nothing in the store matches the query"


def _unmet_parts(page: SearchPage, filter: filters.Filter) -> list[str]:
    """Return, for each comparison whose key is known, a sentence on the values that there are under it."""
    held = {known.key: known for known in page.held}
    asked = [part for part in filters.comparisons(filter) if part.key in held]
    return [_unmet(part, held[part.key]) for part in asked[:KEYS_EXPLAINED]]


def _counted(unseen: Mapping[str, Any]) -> str:
    counts = [f"{n} {status.replace('_', ' ')}" for status, n in unseen.items() if status != "expired"]
    if expired := unseen.get("expired"):
        counts.append(f"{', '.join(expired)}, which {'has' if len(expired) == 1 else 'have'} expired")
    return " and ".join(counts)


def _unmet(asked: filters.Comparison, held: HeldKey) -> str:
    key = _short(asked.key)
    if not held.kinds:
        others = f"; there are {', '.join(map(_short, held.instead))}" if held.instead else ""
        return f"no file has the key {key}{others}"
    wanted = asked.value if isinstance(asked.value, tuple) else (asked.value,)
    values = ", ".join(_short(value) for value in held.values)
    strange = [value for value in wanted if filters.kind(value) not in held.kinds]
    if strange:
        return f"{key} holds {' and '.join(f'{kind}s' for kind in held.kinds)} ({values}), not the" + (
            f" {filters.kind(strange[0])} {_short(strange[0])}"
        )
    return f"{key} holds {values}"


def _short(value: object) -> str:
    return line(json_line(value), LONGEST_VALUE)
