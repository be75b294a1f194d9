"""What the words of a question find, in every script."""
# ruff: noqa: RUF001
# ^ letters that look like others are the point

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.local import add, opened, search, settled, store, upload
from vectorstores_server.engines.local.words.analysis import asked_words, indexed_words, is_inflected_text
from vectorstores_server.engines.local.words.folding import fold
from vectorstores_server.engines.local.words.terms import terms
from vectorstores_tools.contract.requests import FileAttach

FOUND = [
    ("Hodgkin’s lymphoma", "Hodgkin"),
    ("the landlord’s duty", "landlord"),
    ("D'Angelo sang", "D’Angelo"),
    ("D’Angelo sang", "D'Angelo"),
    ("O’Brien wrote", "OBrien"),
    ("her résumé", "resume"),
    ("Poincaré’s lemma", "Poincare"),
    ("L’énergie de l’eau", "énergie"),
    ("L’énergie de l’eau", "eau"),
    ("L'acqua minerale", "acqua"),
    ("qu´il pleuve", "pleuve"),
    (unicodedata.normalize("NFD", "영수증이 필요하다"), "영수증이"),
    ("영수증이 필요하다", "영수증"),
    ("대한민국의 수도이며", "대한민국"),
    ("대한민국의 수도이며", "수도"),
    ("ﾌﾟﾘﾝﾀｰの設定", "プリンター"),
    ("全文検索の設定", "検索"),
    ("領収書が必要です", "領収書"),
    ("我们提供全文检索", "检索"),
    ("ฉันรักภาษาไทยมาก", "ภาษาไทย"),
    ("كِتَابٌ جديد", "كتاب"),
    ("إدارة الشركة", "ادارة"),
    ("مـــدرسة", "مدرسه"),
    ("کتاب‌های فارسی", "كتابهاي"),
    ("CO₂ levels", "CO2"),
    ("İSTANBUL", "istanbul"),
    ("IŞIK", "ışık"),
    ("efﬁcient", "efficient"),
    ("ＡＢＣ１２３", "abc123"),
    ("super\u200bcalifragilistic", "supercalifragilistic"),
    ("hy\u00adphen", "hyphen"),
    ("12 000 people", "12000"),
    ("12\u202f000 people", "12000"),
    ("12,000 people", "12000"),
    ("1.234.567 Euro", "1234567"),
    ("12000 people", "12 000"),
    ("٢٠٢٥ سنة", "2025"),
    ("The WHO recommends", "WHO"),
    ("Ask the IT department", "IT department"),
    ("ещё раз", "еще"),
    ("книги лежат", "книга"),
    ("договоры подписаны", "договором"),
    ("Die Rückerstattungen sind innerhalb von vierzehn Tagen und ohne Angabe der Gründe möglich.", "Rückerstattung"),
    ("Η επιστροφή χρημάτων", "επιστροφης"),
    ("straße", "strasse"),
    ("Łódź", "lodz"),
    ("Ørsted", "Orsted"),
    ("Tiếng Việt", "tieng viet"),
    ("naïve café", "cafe"),
    ("Kraków", "krakow"),
    ("getUserName()", "user name"),
    ("get_user_name()", "user"),
    ("os.path.join", "path"),
    ("parseHTTPHeader", "header"),
    ("version 3.14.2", "3.14.2"),
    ("error E-1042", "1042"),
    ("1,2,15", "15"),
    (
        "sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    ("हिन्दी में लिखा", "हिन्दी"),
    ("ქართული ენა", "ქართული"),
    ("עברית שפה", "עברית"),
]


async def test_each_word_is_found_by_the_word_half_without_an_embedder(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        files = [await upload(engine, text, f"{number:03}.txt") for number, (text, _) in enumerate(FOUND)]
        for file in files:
            await engine.attach_file(id, FileAttach(file_id=file))
        await settled(engine, id)
        missed: list[tuple[str, str]] = []
        for (text, query), file in zip(FOUND, files, strict=True):
            hits = (await search(engine, id, query, max_num_results=50)).data
            scores = {hit.file_id: hit.text_score for hit in hits}
            if not (scores.get(file) or 0) > 0:
                missed.append((text, query))
        assert missed == []


async def test_a_file_is_found_by_its_name_whatever_its_title(tmp_path: Path):
    async with opened(tmp_path) as engine:
        id = await store(engine)
        for name in ("budget-2025.md", "other.md", "notes.md"):
            await add(engine, id, f"# Doc\n\nSome words, the same in {'every'} file.", name)
        await settled(engine, id)
        hits = (await search(engine, id, "budget-2025.md")).data
        assert hits[0].filename == "budget-2025.md"
        assert (hits[0].text_score or 0) > 0


@pytest.mark.parametrize("query", ["what is it", "who are you", "WHAT IS IT WITH THE", "to be or not to be"])
def test_a_question_of_stop_words_asks_for_nothing(query: str):
    assert asked_words(query).text == ""


def test_capitals_in_a_shouted_text_are_words_like_any_other():
    assert [term.text for term in terms("WHO KNOWS IF IT RAINS")] == ["knows", "rains"]
    assert [term.text for term in terms("the WHO knows")] == ["who", "knows"]


def test_english_and_code_have_no_first_letters_and_other_languages_have():
    english = "The quick brown foxes jumped over several lazy animals and returned safely to their homes at night."
    code = (
        "def os_path(self, los):\n    if hasattr(os.path, 'samefile'):\n        return os.path.samefile(src, dst)\n" * 3
    )
    german = (
        "Die Behörde prüft den Antrag und teilt dem Antragsteller die Entscheidung innerhalb von vier Wochen mit. " * 2
    )
    polish = (
        "Wniosek należy złożyć w urzędzie nie później niż czternaście dni od dnia doręczenia decyzji oraz opłacić. " * 2
    )
    assert not is_inflected_text(english)
    assert not is_inflected_text(code)
    assert is_inflected_text(german)
    assert is_inflected_text(polish)
    assert "ǂ" not in indexed_words([english * 2], inflected=True)
    assert "ǂbehor" in indexed_words([german], inflected=False)


@given(st.text(max_size=200))
def test_what_is_asked_in_the_words_of_a_text_finds_it(text: str):
    asked = set(asked_words(text).counted.split())
    assert asked <= set(indexed_words([text], inflected=False).split())


@given(st.text(max_size=200))
def test_folding_twice_is_folding_once(text: str):
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=100))
def test_composed_and_decomposed_texts_have_the_same_terms(text: str):
    forms = {tuple(term.text for term in terms(unicodedata.normalize(form, text))) for form in ("NFC", "NFD")}
    assert len(forms) == 1
