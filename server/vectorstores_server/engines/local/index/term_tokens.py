"""The tokens that LanceDB's text index makes of the words of a row or a question.

The index segments at Unicode's word boundaries (ICU), and what has no spaces by dictionaries. A word of letters and
digits of Latin, Greek or Cyrillic alone it leaves as it is; LanceDB itself is asked for every other.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence

Tokenize = Callable[[str], Awaitable[list[str]]]
_AS_IT_IS = re.compile(r"[0-9A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u0370-\u0373\u0386\u0388-\u052f]{1,100}")
_AT_ONCE = 2_000
MOST_KNOWN = 50_000


class TermTokens:
    """The tokens of terms; LanceDB's answers are remembered, up to MOST_KNOWN terms."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    async def of(self, texts: Sequence[str], tokenize: Tokenize) -> list[list[str]]:
        """Return the tokens of each text."""
        split = [text.split() for text in texts]
        known = await self._learn(
            {term for terms in split for term in terms if not _AS_IT_IS.fullmatch(term)}, tokenize
        )
        if not known:
            return split
        return [[token for term in terms for token in known.get(term, (term,))] for terms in split]

    async def _learn(self, terms: Collection[str], tokenize: Tokenize) -> dict[str, tuple[str, ...]]:
        """Return the index's tokens of terms; several are asked for at once, with a word between that none holds."""
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        missing = [term for term in terms if term not in self._known]
        between = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(24))
        for first in range(0, len(missing), _AT_ONCE):
            part = missing[first : first + _AT_ONCE]
            made: list[list[str]] = [[]]
            for token in await tokenize(f" {between} ".join(part)):
                if token == between:
                    made.append([])
                else:
                    made[-1].append(token)
            if len(made) != len(part):
                made = [await tokenize(term) for term in part]
            self._known.update(zip(part, map(tuple, made), strict=True))
        return {term: self._known[term] for term in terms}
