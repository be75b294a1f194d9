"""Letters of a PDF's text that stand there otherwise than they are read: divided, doubled, spaced, not known."""

import re
import unicodedata
from collections.abc import Callable

# PDFium's signs for the hyphen of a word that goes on in the next line.
HYPHENS = "\x02\ufffe"
UNKNOWN = "\ufffd"

_DIVISION = re.compile(r"[\x02\ufffe][ \t]*\r?\n?")
_WORD_BEFORE = re.compile(r"\w*\Z")
_WORD_AFTER = re.compile(r"\w*")
# At the end of a page, before no more than its number.
_DIVIDED_AT_THE_END = re.compile(
    r"([^\W\d_]{2,})(?:-(?=\s*\Z|[ \t]*[\r\n])|[\x02\ufffe])(?=\s*(?:\D{0,12}\d{1,4}\D{0,8}|[ivxl]{1,6})?\s*\Z)"
)
_BETWEEN_LINES = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")
_GOES_ON = re.compile(r"[^\W\d_]+")
_LINE = re.compile(r"[^\r\n]+")
_REVERSED = re.compile("[\u0622\u0623\u0625\u0627]\u0644")  # alef, lam
_WORD = re.compile(r"[^\W\d_]{4,}")
_COMMON = re.compile("[aeinorst]", re.IGNORECASE)
_LATIN = re.compile("[A-Za-z]")

_FIRST_PARTS = frozenset(
    ("all", "cross", "full", "half", "high", "ill", "long", "low", "part", "real", "self", "short", "well")
)
"""English words that mostly keep their hyphen."""
_LONGEST_WORD = 60
_END = 120
_SAMPLE = 10_000
_GARBLED_WORDS = 30
_FEWEST_COMMON = 0.36  # of the letters; every language in Latin letters has more


def joined(text: str, hyphenated: Callable[[str], bool]) -> str:
    """Put words together that a line's end divided. `hyphenated` tells of "one-two" whether it is written so."""

    def between(match: re.Match[str]) -> str:
        before = _WORD_BEFORE.search(text, max(0, match.start() - _LONGEST_WORD), match.start())
        after = _WORD_AFTER.match(text, match.end())
        first, second = before[0] if before else "", after[0] if after else ""
        keeps = first and second and (first.lower() in _FIRST_PARTS or hyphenated(f"{first}-{second}"))
        return "-" if keeps else ""

    return _DIVISION.sub(between, text)


def joined_over_pages(pages: list[str]) -> list[str]:
    """Put words together that a page's end divided; a line with which both pages begin is a header."""
    for number in range(len(pages) - 1):
        divided = _DIVIDED_AT_THE_END.search(pages[number], max(0, len(pages[number]) - _END))
        if divided is None:
            continue
        start = _after_header(pages[number], pages[number + 1])
        rest = _GOES_ON.match(pages[number + 1], start)
        if rest is None or not rest[0][0].islower():
            continue
        hyphen = "-" if divided[1].lower() in _FIRST_PARTS else ""
        below = pages[number][divided.end() :].strip()
        whole = pages[number][: divided.end(1)] + hyphen + rest[0]
        pages[number] = f"{whole}\n{below}" if below else whole
        following = pages[number + 1]
        pages[number + 1] = following[:start] + following[rest.end() :].lstrip(" ")
    return pages


def _after_header(page: str, following: str) -> int:
    """Return the offset of the text of `following`: behind lines with which `page` begins too, but for numbers."""
    start = 0
    for line, other in zip(_LINE.finditer(page), _LINE.finditer(following), strict=False):
        if re.sub(r"\d+", "", line[0]) != re.sub(r"\d+", "", other[0]):
            return other.start()
        start = other.end()
    return start + len(following[start:]) - len(following[start:].lstrip())


def reversed_ligatures(text: str, in_one_box: Callable[[int], bool]) -> str:
    """Put lam before alef where both come of one ligature. `in_one_box` tells it of a character and the next one."""
    places = [match.start() for match in _REVERSED.finditer(text) if in_one_box(match.start())]
    letters = list(text)
    for place in places:
        letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def with_divided_words(text: str) -> str:
    """Mark hyphens at the ends of lines as PDFium does, in lines that it did not see below each other."""
    return _BETWEEN_LINES.sub(HYPHENS[0], text)


def looks_garbled(text: str) -> bool:
    """Tell whether the text is garbled: most letters stand for others, because the fonts do not say what they are."""
    if text.count(UNKNOWN) > len(text) / 4:
        return True
    words = [word for word in _WORD.findall(text[:_SAMPLE]) if _LATIN.match(word)]
    letters = unicodedata.normalize("NFD", "".join(words))
    return len(words) >= _GARBLED_WORDS and len(_COMMON.findall(letters)) < _FEWEST_COMMON * len(letters)
