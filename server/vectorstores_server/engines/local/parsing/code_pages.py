"""The code page of bytes that are not UTF-8 and do not declare their encoding.

chardet ranks the code pages by how often their letters follow each other in each language. On everyday small files
(`tests/support/code_pages.py`) it errs in three ways that are mended here. It takes Western and Central European tables
for Chinese: a two-byte encoding must have words that are mostly made of such bytes. Its figures hardly differ between
code pages whose letters differ little: the one whose words look odd loses. And one or two words are too little
evidence: they are taken for Western, unless they look odd.
"""

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

_SAMPLE = 64 * 1024
# What a code page is called, and the wider one that reads everything that it does, mostly the one of Windows.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "euc_kr": "cp949",
    "koi8-r": "koi8-u",
}
_TWO_BYTES = (
    "big5hkscs", "cp932", "cp949", "euc_jis_2004", "euc_kr", "gb18030", "johab", "shift_jis_2004",
)  # fmt: skip
_HIGH_IN_WORDS = 0.55
_FEW_WORDS = 2
_SOME_WORDS = 8
_COMMONNESS = 1.15  # of cp1252, where there is little to go by
_MOST_ODD = 0.5  # of words that are mostly not ASCII
_NEARLY = 0.9  # of the best guess's confidence: the looks of the words decide between those

_LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
_WORD = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
_HIGH = re.compile(rb"[\x80-\xff]")
_TOKEN = re.compile(r"[^\s;,|]*[^\x00-\x7f][^\s;,|]*")
_LATIN = re.compile("[A-Za-zµ\u00c0-\u024f]")
_QUOTES_WITHIN = re.compile(r"[^\W\d_][«»„“”][^\W\d_]")
_SIGNS_BEFORE_WORDS = frozenset("©®°№→")


class _Guess(NamedTuple):
    encoding: str
    confidence: float


def wider(encoding: str) -> str:
    """Return the code page that reads all that `encoding` (as the codec is called) does, and more."""
    return _WIDER.get(encoding, encoding)


def shown(encoding: str) -> str:
    """Return the name by which people know the code page."""
    return f"windows-{encoding[2:]}" if re.fullmatch("cp125[0-8]", encoding) else encoding.replace("_", "-")


def guess(data: bytes) -> str | None:
    """Return the codec for `data`, which is not UTF-8; None when it is no text."""
    from chardet import detect_all
    from chardet.enums import EncodingEra

    sample = _telling_sample(data)
    found_words = _WORD.findall(sample)
    words = len(set(found_words))
    high = sum(len(_HIGH.findall(word)) for word in found_words)
    without = _TWO_BYTES if high < _HIGH_IN_WORDS * sum(map(len, found_words)) else None
    eras = EncodingEra.MODERN_WEB if words <= _FEW_WORDS else EncodingEra.ALL & ~EncodingEra.MAINFRAME
    found = detect_all(
        sample,
        ignore_threshold=True,
        encoding_era=eras,
        compat_names=False,
        exclude_encodings=without,
    )
    guesses = [_Guess(str(each["encoding"]), float(each["confidence"])) for each in found if each["encoding"]]
    if not guesses:
        return None
    likeliest = _likeliest(sample, guesses, words)
    is_text = len(_HIGH.findall(sample)) < len(sample) / 2 or _oddness(sample, likeliest) < _MOST_ODD
    return likeliest if is_text or likeliest in _TWO_BYTES else None


def _telling_sample(data: bytes) -> bytes:
    """Return `data`; where it is longer than the sample, only its lines that hold anything but ASCII."""
    if len(data) <= _SAMPLE:
        return data
    lines: list[bytes] = []
    length = 0
    for line in _LINE.finditer(data):
        lines.append(line[0][: _SAMPLE - length])
        length += len(lines[-1])
        if length >= _SAMPLE:
            break
    return b"".join(lines)


def _likeliest(sample: bytes, guesses: list[_Guess], words: int) -> str:
    if guesses[0].encoding in _TWO_BYTES:
        return guesses[0].encoding
    best = guesses[0].confidence
    if words <= _FEW_WORDS:
        guesses = [_Guess("cp1252", best), *(each for each in guesses if each.encoding != "cp1252")]
    near = [each for each in guesses if each.confidence >= _NEARLY * best or words <= _FEW_WORDS]

    def looks(each: _Guess) -> float:
        common = _COMMONNESS if words <= _SOME_WORDS and each.encoding == "cp1252" else 1
        return each.confidence * common * (1 - 2 * _oddness(sample, each.encoding))

    return max(near, key=looks).encoding


def _oddness(sample: bytes, encoding: str) -> float:
    """Return the share of words outside ASCII that are written as no language writes its words."""
    words = _TOKEN.findall(sample.decode(encoding, errors="replace"))
    return sum(map(_is_odd, words)) / len(words) if words else 0.0


def _is_odd(word: str) -> bool:
    """Tell whether a word has signs in it, capitals after small letters, two scripts, or only accented letters."""
    if _QUOTES_WITHIN.search(word) or any(_clash(before, after) for before, after in pairwise(f" {word} ")):
        return True
    letters = [character for character in word if character.isalpha()]
    latin = [letter for letter in letters if _LATIN.match(letter)]
    if not latin:
        return False
    return len(latin) < len(letters) or (len(latin) > 2 and not any(letter.isascii() for letter in latin))


def _clash(before: str, after: str) -> bool:
    if before.isascii() and after.isascii():
        return False
    kinds = unicodedata.category(before), unicodedata.category(after)
    if "Cc" in kinds or "Cn" in kinds or "\ufffd" in (before, after):
        return True
    if kinds[1][0] == "L" and (kinds[0][0] == "S" or kinds[0] == "No"):
        return before not in _SIGNS_BEFORE_WORDS
    return kinds == ("Ll", "Lu")
