"""Numbers as a workbook shows them: "25%" for .25, "1,234.50 €" where the cell's format says so."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_SECTIONS = re.compile(r'((?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])*)(?:;|$)')
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_BRACKETS = re.compile(r"\[[^\]]*\]")
_PADDING = re.compile(r"[_*].")
_LITERAL = re.compile(r'"([^"]*)"|\\(.)')
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*)?(?:[eE][+-]0+)?")
_HELD = "\ue000"
_LARGEST_EXACT = 1e15
_MOST_KEPT = 1_000
"""Formats that are read once: a workbook has a few, and each cell names one."""


class _Pattern(NamedTuple):
    """A section of a format: what stands before and after its digits, with a sign for each of the `literals`.

    `again`: there are digits once more behind the first, so that the number is shown as a general one.
    """

    before: str
    digits: str
    after: str
    literals: Sequence[str]
    again: bool

    @property
    def percent(self) -> int:
        """The number of times that the value is multiplied by a hundred to be shown."""
        return self.before.count("%") + self.after.count("%")


def shown_number(value: float, number_format: str) -> str:
    """Return a number in its format; as a general number where that is not one of digits."""
    if number_format in ("General", "@", "", "general"):
        return general(value)
    sections = _sections(number_format)
    negative = value < 0
    section = sections[0]
    if negative and len(sections) > 1 and sections[1]:
        section, value, negative = sections[1], -value, False
    elif value == 0 and len(sections) > 2 and _DIGITS.search(_LITERAL.sub("", sections[2])):
        section = sections[2]
    pattern = _pattern(section)
    if pattern is None:
        return general(-value if negative else value)
    if pattern.again:
        shown = pattern.before + general(abs(value))
    else:
        shown = pattern.before + _digits(abs(value), pattern.digits, percent=pattern.percent) + pattern.after
    for literal in pattern.literals:
        shown = shown.replace(_HELD, literal, 1)
    return ("-" if negative else "") + " ".join(shown.replace(_HELD, "").split())


@lru_cache(_MOST_KEPT)
def _sections(number_format: str) -> Sequence[str]:
    return [found[1] for found in _SECTIONS.finditer(number_format)]


@lru_cache(_MOST_KEPT)
def _pattern(section: str) -> _Pattern | None:
    """Return a section as it is shown; None where it is not one of digits alone."""
    literals: list[str] = []

    def held(match: re.Match[str]) -> str:
        literals.append(match[1] if match[1] is not None else match[2])
        return _HELD

    pattern = _PADDING.sub("", _LITERAL.sub(held, _BRACKETS.sub("", _CURRENCY.sub(r'"\1"', section))))
    digits = _DIGITS.search(pattern)
    if digits is None or "/" in pattern or re.search(r"[A-Za-z]", pattern.replace(digits[0], "", 1)):
        return None
    again = _DIGITS.search(pattern, digits.end()) is not None
    return _Pattern(pattern[: digits.start()], digits[0], pattern[digits.end() :], literals, again)


def general(value: float) -> str:
    """Return a number as a cell without a format shows it: no .0, up to ten digits after the rounding of binary."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < _LARGEST_EXACT):
        return str(int(value))
    short = f"{value:.10g}"
    return short if "e" not in short else repr(value)


def _digits(value: float, pattern: str, *, percent: int) -> str:
    value *= 100**percent
    if "e" in pattern.lower():
        return f"{value:.{_places(re.split('[eE]', pattern)[0])}E}"
    whole, _, _ = pattern.partition(".")
    while whole.endswith(","):  # a comma behind the digits divides by a thousand
        whole, value = whole[:-1], value / 1000
    places = _places(pattern)
    text = f"{value:,.{places}f}" if "," in whole else f"{value:.{places}f}"
    optional = len(pattern.partition(".")[2].rstrip(",")) - len(pattern.partition(".")[2].rstrip(",").rstrip("#?"))
    for _ in range(optional):
        text = text.removesuffix("0")
    missing = whole.count("0") - len(text.partition(".")[0].replace(",", ""))
    return "0" * missing + text.rstrip(".") if missing > 0 else text.rstrip(".")


def _places(pattern: str) -> int:
    return min(sum(sign in "#0?" for sign in pattern.partition(".")[2]), 30)
