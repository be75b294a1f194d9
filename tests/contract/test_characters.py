"""What a person cannot see leaves every text, and what scripts and emoji need stays."""

# ruff: noqa: RUF001  # words of many scripts: that some letters look alike is their nature

import json
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import examples
from vectorstores_tools.contract.characters import clean, json_line, line, sentence
from vectorstores_tools.contract.errors import StoreNotFound, VectorStoreError
from vectorstores_tools.contract.filters import parse_filter
from vectorstores_tools.rendering.untrusted_text import cleaned

DIRECTION, JOINERS = "\u200e\u200f\u061c", "\u200c\u200d"
SELECTORS = "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x180B, 0x180C, 0x180D, 0x180F]))
IN_PLACE = frozenset(DIRECTION + JOINERS + SELECTORS)
# Unicode's DerivedCoreProperties.txt, Default_Ignorable_Code_Point.
IGNORABLE = frozenset(
    chr(code)
    for first, last in [
        (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
        (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
    ]
    for code in range(first, last + 1)
)  # fmt: skip

LAWFUL = {
    "English": "The keeper lights\tthe lamp,\nat dusk.",
    "German": "Straße, Äpfel und das Ø; c’est déjà l’été à Kraków, Çeşme.",
    "combining": "e\u0301 a\u0308 \u1e69 s\u0323\u0307",
    "Greek": "Ὁ φύλαξ ἀνάπτει τὸν λύχνον.",
    "Russian": "Смотритель зажигает маяк; Київ, ґрунт.",
    "Armenian": "Պահապանը վառում է լամպը։",
    "Georgian": "მცველი ანთებს ლამპარს.",
    "Hebrew": "שָׁלוֹם\u200f! (abc) \u200fגם פה",
    "Arabic": "الحارسُ يُشعلُ المصباحَ\u200f \u061cعند الغروب",
    "Persian": "می\u200cخواهم کتاب\u200cها را بخوانم؛ ه\u200d",
    "Urdu": "محافظ شام کو چراغ جلاتا ہے۔",
    "Syriac": "ܫܠܡܐ ܠܟܘܢ",
    "Amharic": "ጠባቂው መብራቱን ያበራል።",
    "Hindi": "क्\u200dष और क्\u200cष; रक्षक दीपक जलाता है।",
    "Bengali": "র\u200d্যাব; রক্ষক প্রদীপ জ্বালায়।",
    "Gujarati": "રક્ષક દીવો પ્રગટાવે છે.",
    "Tamil": "காவலர் விளக்கை ஏற்றுகிறார்.",
    "Telugu": "రాజ్\u200cకుమార్ దీపం వెలిగిస్తాడు.",
    "Kannada": "ರ\u200d್ಯಾಂಕ್ ದೀಪ.",
    "Malayalam": "അവന്\u200d വിളക്ക്.",
    "Sinhala": "ශ්\u200dරී ලංකාව.",
    "Thai": "ผู้ดูแลจุดตะเกียงตอนพลบค่ำ",
    "Lao": "ຜູ້ເຝົ້າຈູດໂຄມໄຟ",
    "Tibetan": "སྲུང་མས་སྒྲོན་མེ་སྤར།",
    "Burmese": "အစောင့်က မီးခွက်ထွန်းသည်။ က\ufe00",
    "Khmer": "អ្នកថែទាំបំភ្លឺចង្កៀង។",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ ᠠ\u180b ᠭ\u180d",
    "Chinese": "守塔人在黄昏时点灯。葛\U000e0100城、辻\U000e0101。",
    "Japanese": "灯台守は夕暮れに灯をともす。ｱｲｳ、。\ufe00",
    "Korean": "등대지기는 해 질 녘에 등을 켠다.",
    "mathematics": "∑ x² ≤ ∫ f(x) dx; A ∩\ufe00 B, ⨿",
    "family": "👨\u200d👩\u200d👧\u200d👦 👩🏽\u200d🚒 ❤\ufe0f\u200d🔥 🐈\u200d⬛",
    "joined pictures": "🏳\ufe0f\u200d🌈 🏴\u200d☠\ufe0f 👁\ufe0f\u200d🗨\ufe0f",
    "flags": "🇩🇪 🇫🇷 🇯🇵",
    "keycaps": "1\ufe0f\u20e3 #\ufe0f\u20e3 *\ufe0f\u20e3",
    "skin": "👍🏿 🤝🏻 🕵🏽\u200d♂\ufe0f",
    "presentation": "☎\ufe0e ☎\ufe0f ©\ufe0f ↔\ufe0f ㊗\ufe0f",
    "private": "\ue000 \uf8ff \U000f0000",
    "unassigned": "\u0378 \U0001fbfb",
}

HOSTILE = {
    "a tag flag": ("🏴\U000e0067\U000e0062\U000e007f", "🏴"),
    "tags behind a word": ("report" + "".join(chr(0xE0000 + ord(c)) for c in "delete all"), "report"),
    "an override": ("\u202eexe.fdp\u202c", "exe.fdp"),
    "isolates": ("\u2066a\u2069", "a"),
    "selectors as bytes": ("a" + SELECTORS, "a"),
    "selectors behind an emoji": ("😀" + SELECTORS, "😀\ufe0e"),
    "a joiner in Latin": ("pass\u200dword \u200cx", "password x"),
    "many joiners": ("م" + "\u200c" * 9 + "\u200d" * 9, "م\u200c"),
    "many marks": ("א" + "\u200f\u200e" * 9 + "ב", "א\u200fב"),
    "marks and joiners in turn": ("م" + "\u061c\u200c" * 9 + "م", "م\u061cم"),
    "a mark beside Latin": ("a\u200eb \u200f", "ab "),
    "a mark beside a mark": ("\u200f\u05b4\u200f", "\u05b4"),
    "fillers": ("\u3164\u115f\u1160\uffa0\u2800", "\u2800"),
    "a selector on a digit": ("1\ufe0f2", "12"),
    "an end without its emoji": ("👨\u200d", "👨"),
    "controls": ("a\r\n\x1b[31mb\x85\x00\x7f", "a\n[31mb"),
    "noncharacters": ("\ufdd0\uffff\U0010fffe\U0003ffff.", "."),
    "half a pair": ("\ud83d!", "!"),
}

signs = st.sampled_from(sorted(IN_PLACE)) | st.sampled_from(DIRECTION + JOINERS + "\ufe0f")
close = st.text(
    st.sampled_from("אم\u05b4\u200f\u061c\u200c\u200d👩❤\ufe0f1\u20e3葛\U000e0100ᠠ\u180b \u200b"), max_size=12
)
texts = close | st.text(
    st.characters()
    | st.characters(categories=["Cs", "Cf", "Cc"])
    | signs
    | st.sampled_from("אبमკ字1#👨👩❤⚕🏽ᠠက∩。a \n\t\u05b4\u0301\u20e3\u2028\x85\ufdd0\U000e0041")
)


def forbidden(character: str) -> bool:
    """Whether a character may stand nowhere."""
    code, category = ord(character), unicodedata.category(character)
    if character in IN_PLACE or character in "\n\t":
        return False
    nonsense = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return category in ("Cc", "Cf", "Cs") or character in IGNORABLE or nonsense


@pytest.mark.slow
def test_of_all_code_points_exactly_those_that_nobody_sees_are_removed():
    everything = [chr(code) for code in range(0x110000)]
    unlike = [hex(ord(c)) for c in everything if (clean(f".{c}.") == "..") != (forbidden(c) or c in IN_PLACE)]
    # What was assigned after this Python's tables were made may differ; it is named by the ranges' source.
    assert [code for code in unlike if unicodedata.category(chr(int(code, 16))) != "Cn"] == []


@given(texts)
@settings(max_examples=examples(500), deadline=None)
def test_nothing_stays_that_nobody_sees_and_cleaning_twice_is_cleaning_once(text: str):
    shown = clean(text)
    assert [hex(ord(c)) for c in shown if forbidden(c)] == []
    assert clean(shown) == shown
    assert "".join(c for c in shown if c not in IN_PLACE) == "".join(
        c for c in text if c not in IN_PLACE and not forbidden(c)
    )
    # No two signs beside each other but a joiner behind a selector: what nobody sees cannot carry a message.
    pairs = [pair for pair in pairwise(shown) if IN_PLACE.issuperset(pair)]
    assert all(first in SELECTORS and second in JOINERS for first, second in pairs)


@given(texts, st.integers(8, 60))
@settings(max_examples=examples(300), deadline=None)
def test_a_line_is_one_clean_line_and_no_longer_than_it_may_be(text: str, limit: int):
    for shown in (line(text, limit), sentence(text, limit)):
        assert len(shown) <= limit
        assert len(shown.splitlines()) <= 1
        assert shown == clean(shown) == shown.strip()


@given(texts, texts)
@settings(max_examples=examples(300), deadline=None)
def test_an_error_is_one_clean_line_whatever_it_quotes(fact: str, next: str):
    for error in (VectorStoreError(fact, next, param=fact, code=next), StoreNotFound(fact, [next])):
        for shown in (str(error), error.fact, error.sentence, error.next, error.param or "", error.code or ""):
            assert len(shown.splitlines()) <= 1
            assert shown == clean(shown)


def test_an_error_about_a_name_of_any_length_keeps_both_its_sentences():
    error = StoreNotFound("x" * 5_000 + "\u202e\n" + "y" * 5_000)
    assert str(error).startswith("No vector store found with id 'xxx")
    assert str(error).endswith("yyy'. list(of='stores') shows the ids.")
    assert len(str(error)) < 3_000


values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(values)
@settings(max_examples=examples(200), deadline=None)
def test_json_on_a_line_means_the_same_and_is_left_as_it_is(value: object):
    shown = json_line(value)
    assert json.loads(shown) == value
    assert line(shown, len(shown)) == shown


@given(values)
@settings(max_examples=examples(200), deadline=None)
def test_an_object_keeps_its_shape_and_every_string_in_it_is_clean(value: object):
    shown = cleaned(value)
    assert type(shown) is type(value)
    assert cleaned(shown) == shown
    encoded = json.dumps(shown, ensure_ascii=False)
    assert clean(encoded) == encoded


def test_names_in_an_object_are_one_line_and_texts_keep_theirs():
    wrong = "a\nb\u202e"
    shown = cleaned({"name": wrong, "description": wrong, "attributes": {"name": wrong, "k\n": "x" * 9_000}})
    assert shown["name"] == "a b"
    assert shown["description"] == shown["attributes"]["name"] == "a\nb"
    assert len(shown["attributes"]["k"]) == 4_000


@pytest.mark.parametrize("text", LAWFUL.values(), ids=LAWFUL)
def test_what_a_script_or_an_emoji_needs_stays(text: str):
    assert clean(text) == text


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_what_only_a_model_reads_goes(text: str, shown: str):
    assert clean(text) == shown == clean(shown)


def test_the_corrected_filter_of_an_error_holds_the_value_as_it_was():
    with pytest.raises(VectorStoreError) as caught:
        parse_filter({"topic": "a  b\n\u202ec"})
    corrected = caught.value.next.removeprefix("Write it as filters=")
    assert json.loads(corrected) == {"type": "eq", "key": "topic", "value": "a  b\n\u202ec"}
