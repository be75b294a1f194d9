"""Rows of tables stay whole in passages, whatever file the table comes from."""

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.cutting import cut
from support.examples import examples
from vectorstores_server.engines.local.chunking.passages import MAX_CHARACTERS, PassageLimits
from vectorstores_server.engines.local.embedding.tokenizer import TokenCounter
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document

COUNTER = TokenCounter()
LIMIT = 150
WORDS = ["lamp", "oil.", "keeper;", "dusk,", "glass?", "night", "storm!", "tide", "12.5", "harbour", "rope"]

Rows = Sequence[Sequence[str]]

cells = st.lists(st.sampled_from([*WORDS, "日本語。", "x" * 60]), min_size=1, max_size=25).map(" ".join)
lines = st.lists(
    st.lists(cells, min_size=1, max_size=6).map(" | ".join) | st.just("") | st.just("# Heading"), max_size=30
)


def divided(document: Document, limit: int) -> list[str]:
    """The rows that would fit into a passage, and stand whole in none."""
    passages = cut(document, COUNTER, PassageLimits(limit, limit))
    found: list[str] = []
    start = 0
    for line in document.text.split("\n"):
        row, at = line.strip(), start + len(line) - len(line.lstrip())
        start += len(line) + 1
        fits = COUNTER.count(row) <= limit and len(row) <= MAX_CHARACTERS
        whole = any(passage.start <= at and at + len(row) <= passage.end for passage in passages)
        if " | " in row and fits and not whole:
            found.append(row)
    return found


@given(lines, st.sampled_from([20, 60, 150]))
@settings(deadline=None, max_examples=examples(100))
def test_no_row_that_fits_into_a_passage_is_divided(rows: list[str], limit: int) -> None:
    assert divided(Document("\n".join(rows)), limit) == []


def as_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def as_workbook(path: Path, rows: Rows) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for number, row in enumerate(rows, 1):
        for column, cell in enumerate(row, 1):
            book.worksheets[0].cell(number, column, cell)
    book.save(path)


def as_word(path: Path, rows: Rows) -> None:
    import docx

    document = docx.Document()
    table = document.add_table(len(rows), len(rows[0]))
    for row, given_cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, given_cells, strict=True):
            cell.text = text
    document.save(str(path))


def as_html(path: Path, rows: Rows) -> None:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    path.write_text(f"<html><body><table>{body}</table></body></html>", encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.csv", as_csv), ("a.xlsx", as_workbook), ("a.docx", as_word), ("a.html", as_html)],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_tables_of_files_are_divided_between_rows(
    tmp_path: Path, name: str, write: Callable[[Path, Rows], None]
) -> None:
    numbers = random.Random(7)
    rows = [["Name", "What it is for", "Remark"]] + [
        [f"Item{number}", *(" ".join(numbers.choices(WORDS, k=numbers.randint(1, 30))) for _ in range(2))]
        for number in range(40)
    ]
    write(tmp_path / name, rows)
    document = read_document(tmp_path / name, name)
    assert len(cut(document, COUNTER, PassageLimits(LIMIT, LIMIT))) > 5
    assert document.text.count(" | ") >= 80
    assert divided(document, LIMIT) == []
