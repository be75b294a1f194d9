"""Families of models that were trained with words before each text, by the names that services give them."""

import hashlib
import re
from typing import NamedTuple


class Prefixes(NamedTuple):
    """The prefixes of each question and each passage."""

    query: str = ""
    document: str = ""

    @property
    def mark(self) -> str:
        """A mark that distinguishes vectors made with them: empty without any."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:8] if any(self) else ""


NO_PREFIXES = Prefixes()
_SEARCHING = "Represent this sentence for searching relevant passages: "
_FAMILIES = (
    (r"e5-\w+-instruct|e5-mistral", Prefixes("Instruct: Retrieve passages that answer the question\nQuery: ")),
    (r"e5-", Prefixes("query: ", "passage: ")),
    (r"nomic-embed-text|modernbert-embed", Prefixes("search_query: ", "search_document: ")),
    (r"bge-(small|base|large)-zh", Prefixes("为这个句子生成表示以用于检索相关文章：")),  # noqa: RUF001 as it was trained
    (r"bge-(small|base|large)", Prefixes(_SEARCHING)),
    (r"arctic-embed.*(v2|2\.0)|arctic-embed2", Prefixes("query: ")),
    (r"arctic-embed|mxbai-embed", Prefixes(_SEARCHING)),
)


def prefixes_of(model: str) -> Prefixes:
    """Return the prefixes of a model by its name; none where it is of no family that is known here."""
    for pattern, prefixes in _FAMILIES:
        if re.search(rf"(?:^|[^a-z0-9])(?:{pattern})", model.lower()):
            return prefixes
    return NO_PREFIXES
