# ^ texts in other scripts
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.local import add, opened, search, store
from vectorstores_server.engines.local.embedding.local_model import LocalModel
from vectorstores_server.engines.local.embedding.models import MINILM
from vectorstores_server.engines.local.embedding.weights import find_weights
from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.search.highlight import anchor
from vectorstores_server.engines.local.words.places import QuestionWords

PAGES = [
    "Dishwasher, a short guide. ",
    "The glass program is gentle. ",
    "Warranty lasts three years from the day of purchase.",
]


def document(parts: list[str]) -> Document:
    starts = [sum(len(part) for part in parts[:number]) for number in range(len(parts))]
    return Document("".join(parts), page_starts=tuple(starts))


def page(parts: list[str], *queries: str) -> int | None:
    read = document(parts)
    place, first, last = anchor(read, 0, len(read.text), QuestionWords(queries))
    assert first <= place < last
    return read.page_at(place)


def test_a_citation_points_to_where_the_words_of_the_question_stand() -> None:
    assert page(PAGES, "How many years is the warranty?") == 3
    assert page(PAGES, "program for glasses") == 2


def test_the_place_where_most_different_words_stand_together_wins() -> None:
    assert page(["glass ", "and other things " * 30, "the glass program"], "glass program") == 3


def test_a_rare_word_counts_more_than_several_that_stand_everywhere() -> None:
    days = [f"Part {number}: within how many days may customers come. " for number in range(4)]
    assert page([*days, "A refund is possible within fourteen days."], "within how many days a refund") == 5


def test_a_word_that_its_section_repeats_weighs_no_less_than_one_that_stands_once_elsewhere() -> None:
    parts = ["The ledge, the lower ledge, stands dry; above the ledge is a step. ", "High water comes twice a day. "]
    assert page(parts, "is the ledge under water") == 1
    assert page(parts[::-1], "is the ledge under water") == 2


WORDS = st.sampled_from(["ledge", "water", "boat", "lamp", "tide", "rope", "stair", "crew", "horn", "fog"])


@given(st.lists(st.lists(WORDS, min_size=1, max_size=8), min_size=2, max_size=6), st.sets(WORDS, min_size=1), st.data())
def test_saying_a_word_again_where_the_answer_is_never_moves_the_citation_away(
    parts: list[list[str]], asked: set[str], data: st.DataObject
) -> None:
    question = " ".join(sorted(asked))
    cited = page([" ".join(part) + ". " for part in parts], question)
    assert cited is not None
    holding = [number for number, word in enumerate(parts[cited - 1]) if word in asked]
    if holding:
        number = data.draw(st.sampled_from(holding))
        parts[cited - 1].insert(number, parts[cited - 1][number])
        assert page([" ".join(part) + ". " for part in parts], question) == cited


def test_forms_of_a_word_count_as_the_word() -> None:
    assert page(PAGES, "purchasing") == 3
    assert page(["Отпуск — пятнадцать дней. ", "Договоры хранит секретарь. "], "где договор") == 2
    assert page(["Die Lieferung dauert drei Tage. ", "Rückerstattungen in vierzehn Tagen. "], "Rückerstattung") == 2


@pytest.mark.parametrize(
    ("parts", "query"),
    [
        (["注文は三日以内に発送されます。", "返金は十四日以内に可能です。"], "返金は何日以内に可能ですか"),
        (["订单三天内发货。", "十四天内可以退款。"], "多少天内可以退款"),
        (["คำสั่งซื้อจัดส่งภายในสามวัน ", "ขอเงินคืนได้ภายในสิบสี่วัน "], "ขอเงินคืนได้ภายในกี่วัน"),
        (["주문은 사흘 안에 나갑니다. ", "환불은 십사 일 이내에 가능합니다. "], "환불은 며칠 이내에 가능한가요"),
    ],
)
def test_it_holds_in_languages_without_spaces(parts: list[str], query: str) -> None:
    assert page(parts, query) == 2


def test_offsets_are_those_of_the_text_as_it_is() -> None:
    parts = ["ﬁrst ﬂoor, efﬁcient oﬃce. ", "Re\u00adfunds in 14 days."]
    assert page(parts, "refunds") == 2


def test_without_a_word_of_the_question_the_middle_is_meant() -> None:
    read = document(PAGES)
    assert anchor(read, 10, 60, QuestionWords(["zebra"]))[0] == 35


def test_a_passage_of_one_section_is_cited_as_it_is() -> None:
    read = Document("# One\n\nSome words.\n", headings=(Heading(0, 1, "One"),))
    assert anchor(read, 0, 18, QuestionWords(["words"])) == (0, 0, 18)


SECTIONS = {
    "Delivery": ("Orders leave our house within three working days.", "how long until my parcel is on its way"),
    "Refunds": (
        "Customers may ask for a refund within fourteen days.",
        "within how many days may customers ask for a refund",
    ),
    "Holidays": ("Staff have twenty-five days of paid leave a year.", "how many days of leave do employees get"),
    "Parking": ("The car park behind the building closes at nine.", "when does the car park close"),
    "Sick leave": (
        "Call your manager before ten and send a note from a doctor on the third day.",
        "when is a doctor's note needed",
    ),
    "Expenses": (
        "Keep each receipt and hand it in by the end of the month.",
        "by when do receipts have to be handed in",
    ),
    "Visitors": ("Guests sign the book at the front desk and wear a badge.", "what must guests wear"),
    "Passwords": ("Change it every ninety days; never share it.", "how often must a password be changed"),
    "Kitchen": ("Whoever takes the last coffee makes a new pot.", "who has to make new coffee"),
    "Fire": ("Leave by the stairs and meet on the lawn.", "where do we meet when there is a fire"),
    "Training": ("Each employee has a budget of 800 euros a year for courses.", "how much money is there for courses"),
    "Notice": ("Either side may end the contract with three months' notice.", "how long is the period of notice"),
}


def handbook() -> bytes:
    return "\n\n".join(f"## {title}\n\n{text}" for title, (text, _) in SECTIONS.items()).encode()


def deck(slides: dict[str, str]) -> bytes:
    from pptx import Presentation

    made = Presentation()
    for title, text in slides.items():
        slide = made.slides.add_slide(made.slide_layouts[1])
        assert slide.shapes.title is not None
        slide.shapes.title.text = title
        slide.placeholders[1].text = text  # pyright: ignore[reportAttributeAccessIssue]
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


async def test_each_question_of_a_handbook_is_answered_from_its_section(tmp_path: Path) -> None:
    weights = find_weights(MINILM, None, Path())
    assert weights is not None
    async with opened(tmp_path, LocalModel(MINILM, weights, Path(), threads=2)) as engine:
        text, slides = await store(engine), await store(engine)
        await add(engine, text, handbook(), "handbook.md")
        await add(engine, slides, deck({title: body for title, (body, _) in SECTIONS.items()}), "handbook.pptx")
        wrong: list[str] = []
        for number, (title, (_, question)) in enumerate(SECTIONS.items(), 1):
            of_text = (await search(engine, text, question)).data[0]
            of_slides = (await search(engine, slides, question)).data[0]
            if (of_text.heading_path, of_slides.page) != ([title], number):
                wrong.append(f"{question}: {of_text.heading_path}, {of_slides.page} for {number}")
        assert wrong == []


SLIDES = {
    "Delivery": "Orders leave within three days.",
    "Holidays": "Staff have fifteen days of leave.",
    "Parking": "The car park closes at nine.",
    "Refunds": "Refunds are possible within fourteen days.",
    "Contact": "Write to the front desk.",
}


async def test_a_deck_of_one_line_slides_is_cited_by_the_slide(tmp_path: Path) -> None:
    async with opened(tmp_path) as engine:
        id = await store(engine)
        await add(engine, id, deck(SLIDES), "deck.pptx")
        hit = (await search(engine, id, "within how many days are refunds possible")).data[0]
        assert (hit.page, hit.heading_path) == (4, ["Refunds"])
        assert hit.lines is not None
        assert hit.lines[1] - hit.lines[0] <= 3
