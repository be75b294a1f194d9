"""Text that somebody else wrote, without the characters that a model reads and a person does not see (pure).

`clean` is for a text, `line` for what has to stay on one line: a name, a sentence of an error, an entry of a log.

Removed: control characters but line feed and tab, format characters, surrogates, noncharacters, and what fonts ignore
by default. Three kinds stay where they have a meaning, at most one in a place: marks of direction beside right-to-left
letters; joiners inside scripts that join, and inside emoji; variation selectors after a character that has variants.
Private and unassigned characters stay: which are unassigned depends on the age of Python's tables.

Source of the ranges: Unicode 17.0, DerivedGeneralCategory.txt (Cc, Cf, Cs), DerivedCoreProperties.txt
(Default_Ignorable_Code_Point), PropList.txt (Noncharacter_Code_Point), emoji-data.txt (Extended_Pictographic),
StandardizedVariants.txt, Blocks.txt. Tests compare them with what this Python knows.
"""

import codecs
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte-order marks, each with its encoding, in the order in which they have to be compared."""

MAX_LINE = 200
"""Characters of a name."""
MAX_SENTENCE = 2_000
"""Characters of a sentence, which may quote several names."""

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_FORMATS = (
    r"\u00ad\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    r"\ufff9-\ufffb"
)
_IGNORABLE = r"\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8"
_NEVER = rf"{_CONTROLS}{_FORMATS}{_IGNORABLE}\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
_BEYOND = r"\U00010000-\U0010ffff"
"""Everything outside the Basic Multilingual Plane: one range, because a class of many is ten times slower."""
_NEVER_BEYOND = (
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # formats
    r"\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # tags, and the rest of what is ignorable there
    + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 17))  # noncharacters
)

_DIRECTION = "\u200e\u200f\u061c"
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_SOMETIMES = rf"{_DIRECTION}{_NON_JOINER}{_JOINER}\u180b-\u180d\u180f\ufe00-\ufe0f"
_SOMETIMES_BEYOND = r"\U000e0100-\U000e01ef"

# Searched in every text: most hold no such character.
_SUSPECT = re.compile(f"[{_NEVER}{_SOMETIMES}{_BEYOND}]")
# The others are compiled at their first use, by re itself, which keeps them.
_UNSEEN = f"[{_NEVER}]+"
_PLANES = f"[{_BEYOND}]+"
_UNSEEN_BEYOND = f"[{_NEVER_BEYOND}]+"
_PLACED = f"[{_SOMETIMES}{_SOMETIMES_BEYOND}]+"
_CHANGED = rf"[{_NEVER}{_SOMETIMES}{_NEVER_BEYOND}{_SOMETIMES_BEYOND}]|[^\S ]|(?<= ) "

_EMOJI = (
    r"\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3"
    r"\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    r"\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767"
    r"\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    r"\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    r"\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    r"\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    r"\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f"
    r"\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff"
    r"\U0001fc00-\U0001fffd"
)
_IDEOGRAPHS = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
# Mathematical operators, CJK and full-width punctuation, Myanmar, Phags-pa, Manichaean, hieroglyphs.
_WITH_VARIANTS = (
    r"\u1000-\u109f\u2200-\u22ff\u2a00-\u2aff\u3001\u3002\ua840-\ua877\uaa60-\uaa7f\uff01\uff0c\uff0e\uff1a\uff1b\uff1f"
    r"\U00010ac0-\U00010aff\U00013000-\U0001342f\U00013460-\U000143ff"
)
# Scripts whose letters join, or whose consonants do: Arabic to Mandaic, the Indic scripts from Devanagari to Myanmar,
# Khmer and Mongolian, and the later blocks of both kinds.
_JOINING = (
    r"\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1700-\u18af\u1900-\u1aaf\u1b00-\u1c4f\u1cd0-\u1cff\ua800-\uaaff"
    r"\uabc0-\uabff\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00010fff\U00011000-\U00011fff"
    r"\U00016100-\U0001613f\U00016d40-\U00016d7f\U0001e900-\U0001e95f"
)

_PICTURE = f"[{_EMOJI}]"
_BEFORE_JOINED_PICTURE = rf"[{_EMOJI}\U0001f3fb-\U0001f3ff\ufe0f]"
_IDEOGRAPH = f"[{_IDEOGRAPHS}]"
_TAKES_VARIANTS = f"[{_IDEOGRAPHS}{_WITH_VARIANTS}]"
_MONGOLIAN = r"[\u1800-\u1805\u1807-\u180a\u1820-\u18aa]"
_JOINS = f"[{_JOINING}]"
_KEYS, _KEYCAP = "#*0123456789", "\u20e3"


def clean(text: str) -> str:
    """Return `text` without characters that a person cannot see."""
    if _SUSPECT.search(text) is None:
        return text
    seen = re.sub(_UNSEEN, "", text)
    if re.search(_UNSEEN_BEYOND, "".join(re.findall(_PLANES, seen))):
        seen = re.sub(_PLANES, lambda run: re.sub(_UNSEEN_BEYOND, "", run[0]), seen)
    return _in_lawful_places(seen) if re.search(_PLACED, seen) else seen


def line(text: str, limit: int = MAX_LINE) -> str:
    """Return `text` clean, on one line, of at most `limit` characters."""
    flat = " ".join(clean(" ".join(text.split())).split())
    return flat if len(flat) <= limit else clean(flat[: limit - 1]) + "…"


def sentence(text: str, limit: int = MAX_SENTENCE) -> str:
    """Return `text` as a line; one that is too long loses its middle, where a name is, and keeps the words about it."""
    flat = line(text, len(text) + 1)
    if len(flat) <= limit:
        return flat
    end = limit // 4
    return f"{clean(flat[: limit - end - 1])}…{clean(flat[-end:])}"


def json_line(value: object) -> str:
    """Return JSON that `line` leaves as it is: characters that it would take away or change are written as escapes."""
    return re.sub(_CHANGED, _escaped, json.dumps(value, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return r"\u0020" if found[0] == " " else json.dumps(found[0])[1:-1]


def _in_lawful_places(text: str) -> str:
    """Return `text`, already without what never stays, without characters that stand outside their lawful places."""
    kept: list[str] = []
    at, last = 0, ""
    for run in re.finditer(_PLACED, text):
        if run.start() > at:
            last = text[run.start() - 1]
        kept.append(text[at : run.start()])
        at = run.end()
        following = text[at : at + 1]
        for sign in run.group():
            if _is_lawful(sign, last, following) or (sign in _DIRECTION and _is_beside_right_to_left(text, run, last)):
                kept.append(sign)
                last = sign
    kept.append(text[at:])
    return "".join(kept)


@lru_cache(maxsize=1_024)
def _is_lawful(sign: str, last: str, following: str) -> bool:
    """Tell whether a joiner or selector may stand after `last`, the character that was kept before it."""
    if sign == _JOINER and re.match(_BEFORE_JOINED_PICTURE, last) and re.match(_PICTURE, following):
        return True
    if sign in (_JOINER, _NON_JOINER):
        return last not in _DIRECTION and bool(re.match(_JOINS, last))
    if sign in "\ufe0e\ufe0f":
        return bool(re.match(_PICTURE, last)) or (last != "" and last in _KEYS and following == _KEYCAP)
    if "\ufe00" <= sign <= "\ufe0d":
        return bool(re.match(_TAKES_VARIANTS, last))
    return bool(re.match(_IDEOGRAPH if sign > "\uffff" else _MONGOLIAN, last)) and sign not in _DIRECTION


def _is_beside_right_to_left(text: str, run: re.Match[str], last: str) -> bool:
    """Tell whether a mark of direction has a right-to-left letter at its side, and no other sign before it."""
    if re.match(_PLACED, last):
        return False
    before = run.start() - 1
    while before >= 0 and unicodedata.bidirectional(text[before]) == "NSM":
        before -= 1  # over the vowels of the letter
    beside = (text[before] if before >= 0 else "", text[run.end() : run.end() + 1])
    # The marks themselves count as right-to-left; they are no letters.
    return any(letter.isalpha() and unicodedata.bidirectional(letter) in ("R", "AL") for letter in beside)


MOST_NOTES = 5
LONGEST_NOTE = 120
"""Characters. A note may quote a document: the name of an attachment, of a sheet."""


def short_notes(sentences: Iterable[str]) -> list[str]:
    """Return notes as they are kept and shown: each clean and short, none twice; of too many the last is a count."""
    notes = list(dict.fromkeys(filter(None, (line(sentence, LONGEST_NOTE) for sentence in sentences))))
    if len(notes) <= MOST_NOTES:
        return notes
    return [*notes[: MOST_NOTES - 1], f"{len(notes) - MOST_NOTES + 1} more notes are left out"]
