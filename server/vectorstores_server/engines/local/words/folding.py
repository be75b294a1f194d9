"""Folding of characters: letters that a reader takes for the same become the same.

Compatibility forms (ligatures, half and full width, superscripts), invisible characters, marks in every script,
apostrophes, digits of every script, and letters that writers of Arabic, Persian and Russian use in turn. Case stays.
"""

import unicodedata

_LETTERS = (
    dict(zip("ıłŁøØđĐħĦŧŦŋŊ", "ilLoOdDhHtTnN", strict=True))
    | {"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ð": "d", "Ð": "D", "ß": "ss", "ẞ": "SS"}
    | dict(zip("ٱةىیک", "اهييك", strict=True))  # alef wasla, teh marbuta, alef maksura, the Persian yeh and kaf
    | {"\u0640": ""}  # tatweel
    | {"\u0439": "\u0439", "\u0419": "\u0419"}  # the short i is a letter of its own in Russian, yo is none
    | dict.fromkeys("\u2018\u2019\u201b\u02b9\u02bc`", "'")
)
_ACUTE = {0xB4: "'"}
"""Typed as an apostrophe; NFKC makes a space and a mark of it."""
_VOICED = range(0x3040, 0x3100)
"""Kana: its marks make other letters, not accents."""
_WITHOUT_SPACES = (range(0x0E00, 0x1100), range(0x1780, 0x1800))
"""Thai, Lao, Tibetan, Burmese, Khmer: vowels are marks there, and words are told apart by them."""
_HANGUL = range(0xAC00, 0xD7A4)


class _Folding(dict[int, str]):
    """Each character's folded form, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = _folded(chr(code))
        self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Return `text` with its characters folded; its length may differ."""
    if text.isascii():
        return text.replace("`", "'")
    return unicodedata.normalize("NFKC", text.translate(_ACUTE)).translate(_FOLDING)


def _folded(character: str) -> str:
    code = ord(character)
    if character in _LETTERS:
        return _LETTERS[character]
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Nd":
        return str(unicodedata.digit(character))
    if code in _VOICED or code in _HANGUL or any(code in letters for letters in _WITHOUT_SPACES):
        return character
    parts = unicodedata.normalize("NFKD", character)
    return "".join(_LETTERS.get(part, part) for part in parts if unicodedata.category(part) not in ("Mn", "Me"))
