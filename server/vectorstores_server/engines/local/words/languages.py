"""A test of the language: whether a text in Latin letters is prose in another language than English.

English is stemmed well, and code must not be taken for anything else; so the test wants evidence: words that hold
another language's sentences together, or letters that English has not.
"""

import re
from collections.abc import Collection, Sequence

from vectorstores_server.engines.local.words.folding import fold

_ENGLISH_WORDS = (
    "a about above after again against ain all am an and any are aren as at be because been before being below between "
    "both but by can couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn "
    "have haven having he her here hers herself him himself his how i if in into is isn it its itself just ll m ma me "
    "mightn more most mustn my myself needn no nor not now o of off on once only or other our ours ourselves out over "
    "own re s same shan she should shouldn so some such t than that the their theirs them themselves then there these "
    "they this those through to too under until up ve very was wasn we were weren what when where which while who whom "
    "why will with won wouldn y you your yours yourself yourselves"
)
ENGLISH = list[str](_ENGLISH_WORDS.split())
"""The words that full-text search leaves out.

LanceDB's own list for the icu tokenizer is that of all languages together: "cat", "dog", "end", "war", "face" and
"want" could not be found. This is the list that it has for English with its other tokenizers.
"""
STOP_WORDS = frozenset(ENGLISH)

_OTHER_WORDS = (
    # German, Dutch
    "der die das und ist nicht ein eine einen einem einer von zu mit sich des auf für im dem wird sind auch werden bei "
    "wurde nach durch oder aber wir sie ihre zum zur haben hat kann het een van dat voor met zijn niet aan door ook "
    "worden naar deze wordt "
    # Swedish, Danish, Norwegian
    "och att det som på är av för till inte eller og ikke etter "
    # French, Spanish, Italian, Portuguese, Catalan, Romanian
    "le la les et est une dans pour pas que qui sur au aux du par avec ce cette sont il elle nous vous ses leur el los "
    "las del una por con para es se su al lo como más pero entre gli della dei che per sono nel alla da si anche di "
    "em um uma não dos das na mais els amb și în cu pe nu este care din "
    # Polish, Czech, Slovak, Croatian
    "się nie że jest od po przez oraz które je že jsou jako i sa su koji nije "
    # Finnish, Hungarian, Turkish, Indonesian, Vietnamese
    "ja ei että oli hän ovat az és hogy nem egy ve bir bu için ile yang dan dengan untuk ini dari dalam của và là các "
    "được trong"
)
_BINDING = frozenset(fold(_OTHER_WORDS).split()) - STOP_WORDS
_ACCENTED = re.compile("[\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff]")
_LATIN = re.compile(r"\b[a-z]{2,}\b")
_ENOUGH = 10
"""The words that a text needs to be judged by itself; a shorter one is judged as the text around it."""
_SHARE = 0.08
"""The least share of other languages' binding words in a text in one of them; German has some 30 %, English .5 %."""


_ENGLISH = 0.15
"""The share of English stop words from which a text is English, however many foreign names it has."""
_DIFFERENT = 3
"""The least number of different binding words in such a text: one alone may be a name, as `la` is in a program."""


def is_inflected(folded: str, text: str, *, otherwise: bool) -> bool:
    """Tell whether `text` is in Latin letters and another language than English; `otherwise` where it is too short.

    `folded` is the same with its characters folded.
    """
    words = _LATIN.findall(folded.lower())
    if len(words) < _ENOUGH:
        return otherwise
    english = _share(words, STOP_WORDS)
    if len(_ACCENTED.findall(text)) > _SHARE * len(words) and english < _ENGLISH:
        return True
    if len(_BINDING.intersection(words)) < _DIFFERENT:
        return False
    return _share(words, _BINDING) > max(_SHARE, english)


_FEW_ENGLISH = 2
"""The English stop words in a question from which on letters that English lacks are taken for those of a name."""


def is_of_another_language(question: str) -> bool:
    """Tell whether a question in Latin letters is in another language than English, few as its words are."""
    words = _LATIN.findall(fold(question).lower())
    english = sum(word in STOP_WORDS for word in words)
    if english < _FEW_ENGLISH and _ACCENTED.search(question):
        return True
    return sum(word in _BINDING for word in words) > english


def _share(words: Sequence[str], known: Collection[str]) -> float:
    return sum(word in known for word in words) / len(words)
