"""Disclosure of where files came from: over HTTP no path of this machine's disk leaves the process, but URLs do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol, TypeVar

from vectorstores_tools.contract.models import Page, SearchPage, VectorStore, VectorStoreFile


class HasSource(Protocol):
    """An answer that says where a file came from."""

    source: str | None


H = TypeVar("H", bound=HasSource)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Removes paths from answers unless the callers may know them. `paths`: they sit at this machine, and may."""

    paths: bool = True

    def of(self, answer: H) -> H:
        """Return the answer as it may be shown."""
        self._conceal([answer])
        return answer

    def of_store(self, store: VectorStore) -> VectorStore:
        """Return a store as it may be shown: without `paths` the followed folders have their names alone."""
        for source in () if self.paths else store.sources or ():
            source.folder = PurePath(source.folder).name
        return store

    def of_page(self, page: Page[VectorStoreFile]) -> Page[VectorStoreFile]:
        """Return a page of files as it may be shown."""
        self._conceal(page.data)
        return page

    def of_search(self, page: SearchPage) -> SearchPage:
        """Return the answer to a search as it may be shown."""
        self._conceal(page.data)
        return page

    def _conceal(self, answers: Sequence[HasSource]) -> None:
        for answer in () if self.paths else answers:
            if answer.source is not None and "://" not in answer.source:
                answer.source = None
