"""What the text of a PDF holds: every word once, in the order in which it is read."""

import random
from pathlib import Path

import pytest

from support.samples import Placed, placed_pdf
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.pdf_characters import joined, looks_garbled, reversed_ligatures

WORDS = (
    "harbour", "ferry", "winter", "council", "timber", "garden", "letter", "seven", "morning", "station",
    "captain", "library", "market", "bridge", "castle", "window", "engine", "doctor", "silver", "valley",
    "paper", "forest", "kitchen", "summer", "village", "doorway", "lantern", "river",
)  # fmt: skip
LEADING = 14


def read(folder: Path, pages: list[list[Placed]], *, rotation: int = 0) -> Document:
    path = folder / "stored"
    path.write_bytes(placed_pdf(pages, rotation=rotation))
    return read_document(path, "a.pdf")


def columns(seed: int, number: int, lines: int) -> list[list[str]]:
    """Columns of running text whose lines fill them."""
    made = random.Random(seed)
    width = 5 if number == 2 else 4
    return [[" ".join(made.choices(WORDS, k=width)) for _ in range(lines)] for _ in range(number)]


def line_by_line(texts: list[list[str]], *, top: float = 700, lag: float = 0) -> list[Placed]:
    """Each line of the page after the other, over all columns; `lag` sets each column a little lower."""
    step = 540 / len(texts)
    return [
        Placed(40 + step * column, top - LEADING * row - lag * column, texts[column][row], 9 if len(texts) > 2 else 10)
        for row in range(len(texts[0]))
        for column in range(len(texts))
        if row < len(texts[column])
    ]


@pytest.mark.parametrize("rotation", [0, 90, 270])
@pytest.mark.parametrize("lag", [0, 3, 6])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("number", [2, 3])
def test_columns_drawn_line_by_line_are_read_one_after_the_other(
    tmp_path: Path, number: int, seed: int, lag: float, rotation: int
) -> None:
    texts = columns(seed, number, 12)
    texts[-1] = texts[-1][: 12 - seed]
    heading = Placed(40, 740, "The minutes of the whole meeting, over all of the columns of this page here", 12)
    footer = Placed(40, 40, "Footer of the page that goes over all of its columns without any gap at all", 9)
    document = read(tmp_path, [[heading, *line_by_line(texts, lag=lag), footer]], rotation=rotation)
    expected = [heading.text, *(line for column in texts for line in column), footer.text]
    assert document.text.split() == " ".join(expected).split()


@pytest.mark.parametrize("seed", range(3))
def test_columns_drawn_in_order_stay_as_they_are(tmp_path: Path, seed: int) -> None:
    texts = columns(seed, 2, 10)
    lines = [
        Placed(40 + 270 * column, 700 - LEADING * row, text)
        for column, column_lines in enumerate(texts)
        for row, text in enumerate(column_lines)
    ]
    expected = "\n".join(line for column in texts for line in column) + "\n"
    assert read(tmp_path, [lines]).text == expected


@pytest.mark.parametrize("by_row", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_table_is_read_row_by_row_however_it_was_drawn(tmp_path: Path, seed: int, by_row: bool) -> None:
    made = random.Random(seed)
    cells = [["Day", "Town", "Paid"]]
    cells += [[f"0{row}/22", made.choice(WORDS).title(), f"{made.randint(1, 900)}.50"] for row in range(1, 8)]
    places = [(row, column) for row in range(len(cells)) for column in range(3)]
    if not by_row:
        places.sort(key=lambda place: place[::-1])
    lines = [Placed(60 + 150 * column, 700 - LEADING * row, cells[row][column]) for row, column in places]
    assert read(tmp_path, [lines]).text == "\n".join(" ".join(row) for row in cells) + "\n"


@pytest.mark.parametrize("shift", [0.4, 0.8, 1.2, 1.6])
@pytest.mark.parametrize("word", ["municipality", "Heading", "committee", "illness"])
def test_letters_that_are_struck_twice_are_read_once(tmp_path: Path, word: str, shift: float) -> None:
    lines = [
        Placed(72 + 12 * place + twice * shift, 700, letter, 14)
        for place, letter in enumerate(word)
        for twice in (0, 1)
    ]
    assert read(tmp_path, [[*lines, Placed(72, 600, "Other words stand below.")]]).text.split()[0] == word


@pytest.mark.parametrize("shift", [0.3, 0.8, 1.5])
def test_a_line_that_is_struck_twice_is_read_once(tmp_path: Path, shift: float) -> None:
    lines = [Placed(72 + twice * shift, 700, "Municipality of Quokka", 12) for twice in (0, 1)]
    assert read(tmp_path, [lines]).text == "Municipality of Quokka\n"


@pytest.mark.parametrize("text", ["S P A C E D   O U T   T I T L E", "w i d e   l e t t e r s"])
def test_words_whose_letters_are_set_apart_are_words(tmp_path: Path, text: str) -> None:
    words = ["".join(word.split()) for word in text.split("   ")]
    assert read(tmp_path, [[Placed(72, 700, text, 14)]]).text.split() == words


def test_single_letters_and_digits_that_are_no_word_stay_apart(tmp_path: Path) -> None:
    for text in ("Grades 1 2 3 4 5 6 are given", "Choose a or b or c, x + y = z", "1 2 3 4 5 6 7 8"):
        assert read(tmp_path, [[Placed(72, 700, text)]]).text == text + "\n"


@pytest.mark.parametrize("footer", ["1", "", "- 1 -"])
@pytest.mark.parametrize("header", ["Annual report 2024", ""])
def test_a_word_that_a_page_divides_is_one_word(tmp_path: Path, header: str, footer: str) -> None:
    above = [Placed(72, 750, header)] if header else []
    first = [*above, Placed(72, 700, "All about environ-")]
    if footer:
        first.append(Placed(300, 40, footer))
    second = [*above, Placed(72, 700, "mental matters of the town.")]
    document = read(tmp_path, [first, second])
    assert "environmental" in document.text.split()
    assert "mental" not in document.text.split()
    assert document.page_at(document.text.index("environmental")) == 1
    assert document.page_at(document.text.index("matters")) == 2


def test_a_hyphen_stays_where_the_word_has_one_elsewhere() -> None:
    assert joined("a tree\ufffehouse", {"tree-house"}.__contains__) == "a tree-house"
    assert (
        joined("the well\ufffeknown environ\ufffe\nmental", set[str]().__contains__) == "the well-known environmental"
    )


def test_letters_that_a_font_does_not_know_leave_a_mark(tmp_path: Path) -> None:
    assert "of\ufffdces" in read(tmp_path, [[Placed(72, 700, "The of\\037ces of the town")]]).text


def test_lam_and_alef_of_one_ligature_come_in_the_order_of_speech() -> None:
    word = "المشكالت"
    assert reversed_ligatures(word, lambda index: index == 5) == "المشكلات"
    assert reversed_ligatures(word, lambda _: False) == word


def test_larger_and_bolder_lines_are_headings(tmp_path: Path) -> None:
    body = [" ".join(WORDS[at : at + 8]) + "." for at in range(12)]
    pages: list[list[Placed]] = []
    for number in (1, 2):
        page = [Placed(72, 760, "Running header", 12), Placed(72, 740, f"Chapter {number}", 18)]
        page += [Placed(72, 720 - LEADING * row, text) for row, text in enumerate(body)]
        page.append(Placed(72, 500, f"Section of {number}", 10, bold=True))
        pages.append(page + [Placed(72, 480 - LEADING * row, text) for row, text in enumerate(body)])
    document = read(tmp_path, [*pages, [Placed(72, 760, "Running header", 12), *pages[0][2:14]]])
    assert [(heading.level, heading.title) for heading in document.headings] == [
        (1, "Chapter 1"), (2, "Section of 1"), (1, "Chapter 2"), (2, "Section of 2"),
    ]  # fmt: skip
    assert all(document.text[heading.start :].startswith(heading.title) for heading in document.headings)


def test_the_head_of_a_table_is_no_heading(tmp_path: Path) -> None:
    head = [Placed(60 + 150 * column, 714, text, bold=True) for column, text in enumerate(("Day", "Town", "Paid"))]
    rows = [Placed(60, 700 - LEADING * row, " ".join(WORDS[row : row + 6])) for row in range(12)]
    assert read(tmp_path, [[*head, *rows]]).headings == ()


def test_text_of_one_type_has_no_headings(tmp_path: Path) -> None:
    lines = [Placed(72, 720 - LEADING * row, " ".join(WORDS[row : row + 6])) for row in range(12)]
    assert read(tmp_path, [lines]).headings == ()


@pytest.mark.parametrize("form", [True, False])
def test_what_people_typed_onto_a_page_is_read_once(tmp_path: Path, *, form: bool) -> None:
    place, lower = (f"/Rect [72 {bottom} 300 {bottom + 20}] /DA (/F1 10 Tf) /F 4" for bottom in (650, 600))
    typed = [
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (surname) /V (Wombatowski) {place} >>",
        f"<< /Type /Annot /Subtype /FreeText {lower} /Contents (Typed with a viewer) >>",
        f"<< /Type /Annot /Subtype /Text {place} /Contents (Reviewer: wrong) >>",
        f"<< /Type /Annot /Subtype /Popup {place} /Contents (Reviewer: wrong) >>",
        "<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /F 2 /Contents (Nobody sees this) >>",
    ]
    path = tmp_path / "stored"
    path.write_bytes(placed_pdf([[Placed(72, 700, "Surname:")], []], annotations=typed, form=form))
    text = read_document(path, "a.pdf").text
    assert sorted(text.split()) == sorted(
        ["Surname:", "Wombatowski", "Typed", "with", "a", "viewer", "Reviewer:", "wrong"]
    )


def test_pages_without_text_are_noted(tmp_path: Path) -> None:
    words = [Placed(72, 700, "words")]
    assert read(tmp_path, [words, [], [], words, []]).notes == ("pages 2-3, 5 hold no text (scanned?)",)
    assert read(tmp_path, [words, []]).notes == ("page 2 holds no text (scanned?)",)
    assert read(tmp_path, [words]).notes == ()


def test_a_form_of_which_only_the_placeholder_can_be_read_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    data = placed_pdf(
        [[Placed(72, 700, "Please wait... If this message is not replaced, update your viewer.")]], form=True
    )
    path.write_bytes(data.replace(b"/AcroForm <<", b"/NeedsRendering true /AcroForm << /XFA [(template) 3 0 R]"))
    assert read_document(path, "a.pdf").notes == ("XFA form: only its placeholder",)
    path.write_bytes(placed_pdf([[Placed(72, 700, "Please wait for the ferry.")]], form=True))
    assert read_document(path, "a.pdf").notes == ()


def test_text_whose_fonts_do_not_say_what_they_show_is_noted() -> None:
    text = " ".join(WORDS * 3)
    assert looks_garbled("".join(chr(ord(letter) - 29) if letter != " " else " " for letter in text.title()))
    for plain in (text, "Příliš žluťoučký kůň úpěl ďábelské ódy " * 20, "Съешь ещё этих мягких " * 20, "x1 y2 " * 90):
        assert not looks_garbled(plain)
