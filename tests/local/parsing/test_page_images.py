"""Seeing a page: the passage's words are marked and others are not, and the image is small."""

import base64
import ctypes
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
import pytest
from mcp.types import ImageContent, TextContent
from PIL import Image, ImageChops

from support.clients import connected
from support.engines import local
from support.samples import Placed, placed_pdf
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.page_image import MOST_BYTES, WIDTH, RenderedPage, render
from vectorstores_server.engines.local.parsing.page_marks import PassageOnPage

WORDS = (
    "harbour", "ferry", "winter", "council", "timber", "garden", "letter", "seven",
    "morning", "station", "captain", "library", "market", "bridge",
)  # fmt: skip
SIZE = 10


def lines(seed: int, number: int, words: int = 6) -> list[str]:
    """Lines whose words are told apart by a number each."""
    made = random.Random(seed)
    return [" ".join(f"{made.choice(WORDS)}{row:02}{at}" for at in range(words)) for row in range(number)]


def single(seed: int = 1) -> list[Placed]:
    return [Placed(60, 700 - 14 * row, line, SIZE) for row, line in enumerate(lines(seed, 30))]


def two_columns(*, line_by_line: bool) -> list[Placed]:
    texts = [lines(2, 20, 4), lines(3, 20, 4)]
    placed = [
        Placed(40 + 275 * column, 700 - 14 * row, text, 9)
        for column, column_lines in enumerate(texts)
        for row, text in enumerate(column_lines)
    ]
    return sorted(placed, key=lambda line: -line.bottom) if line_by_line else placed


def hyphenated() -> list[Placed]:
    text = [line.rsplit(" ", 1)[0] + f" envi{row:02}-" for row, line in enumerate(lines(4, 20))]
    return [Placed(60, 700 - 14 * row, f"ron{row:02} {line}", SIZE) for row, line in enumerate(text)]


def table() -> list[Placed]:
    cells = [[f"0{row}/22", f"{WORDS[row]}{row}", f"{row}7.50"] for row in range(8)]
    return [
        Placed(60 + 150 * column, 700 - 14 * row, cells[row][column], SIZE) for column in range(3) for row in range(8)
    ]


PDFS = {
    "one column": placed_pdf([single()]),
    "two columns in order": placed_pdf([two_columns(line_by_line=False)]),
    "two columns line by line": placed_pdf([two_columns(line_by_line=True)]),
    "hyphens over lines": placed_pdf([hyphenated()]),
    "turned right": placed_pdf([single()], rotation=90),
    "turned left, two columns": placed_pdf([two_columns(line_by_line=True)], rotation=270),
    "upside down": placed_pdf([single(5)], rotation=180),
    "table by column": placed_pdf([table()]),
    "large type": placed_pdf([[Placed(60, 700 - 30 * row, line, 20) for row, line in enumerate(lines(6, 15, 3))]]),
    "second page": placed_pdf([single(7), single(8)]),
}


def passage_of(document: Document, number: int) -> tuple[int, int]:
    """Return the characters of the middle of a page's text, whole words."""
    starts = (*document.page_starts, len(document.text))
    length = starts[number] - starts[number - 1]
    start = document.text.index(" ", starts[number - 1] + length // 3) + 1
    return start, document.text.index(" ", start + length // 4)


def word_boxes(data: bytes, number: int, image: tuple[int, int]) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """Yield each word of the page as PDFium lists it, and its box on the image."""
    pdfium: Any = pypdfium2
    with pdfium.PdfDocument(data) as pdf:
        page = pdf[number - 1]
        text_page = page.get_textpage()
        text = text_page.get_text_range()
        x, y = ctypes.c_int(), ctypes.c_int()
        word, places = "", list[tuple[int, int]]()
        for index, letter in enumerate(text + " "):
            if letter.isspace() or letter == "\ufffe":
                if places:
                    across, down = [place[0] for place in places], [place[1] for place in places]
                    yield word, (min(across), min(down), max(across), max(down))
                word, places = "", []
                continue
            word += letter
            left, bottom, right, top = text_page.get_charbox(index)
            for corner in ((left, bottom), (right, top)):
                pdfium.raw.FPDF_PageToDevice(page.raw, 0, 0, *image, 0, *corner, ctypes.byref(x), ctypes.byref(y))
                places.append((x.value, y.value))


def marked_places(data: bytes, path: Path, number: int, passage: PassageOnPage) -> tuple[RenderedPage, Image.Image]:
    """Return the image with the mark, and where it differs from the one without."""
    path.write_bytes(data)
    made, plain = render(path, "a.pdf", number, passage), render(path, "a.pdf", number, None)
    both = [Image.open(io.BytesIO(each.data)).convert("RGB") for each in (made, plain)]
    blue = [image.getchannel("B") for image in both]
    return made, ImageChops.difference(*blue).point([0] * 40 + [255] * 216)


@pytest.mark.parametrize("name", PDFS)
def test_the_mark_covers_the_words_of_the_passage_and_few_others(tmp_path: Path, name: str) -> None:
    data = PDFS[name]
    number = 2 if name == "second page" else 1
    path = tmp_path / "stored"
    path.write_bytes(data)
    document = read_document(path, "a.pdf")
    start, end = passage_of(document, number)
    first = document.page_starts[number - 1]
    last = (*document.page_starts, len(document.text))[number]
    wanted = document.text[start:end].split()
    made, difference = marked_places(
        data, path, number, PassageOnPage(document.text[first:last], start - first, end - first)
    )
    assert made.marked
    covered = {True: [0, 0], False: [0, 0]}
    for word, box in word_boxes(data, number, (made.width, made.height)):
        ours = any(word in each for each in wanted)
        part = difference.crop(box)
        lit = part.histogram()[255] / max(1, part.width * part.height)
        covered[ours][0] += lit > 0.5
        covered[ours][1] += 1
    assert covered[True][1] >= len(wanted)
    assert covered[True][0] >= 0.9 * covered[True][1]
    assert covered[False][0] <= 0.05 * max(1, covered[False][1])


def test_the_image_is_wide_enough_and_small(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_bytes(PDFS["one column"])
    made = render(path, "a.pdf", 1, None)
    assert (made.width, made.media_type, made.pages) == (WIDTH, "image/png", 1)
    assert len(made.data) < 200_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_picture_of_noise_is_made_small_too(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "stored"
    Image.effect_noise((1_600, 1_200), 120).convert("RGB").save(path, kind)
    made = render(path, f"photo.{kind.lower()}", 1, None)
    assert len(made.data) <= MOST_BYTES
    assert Image.open(io.BytesIO(made.data)).size == (made.width, made.height)


def test_transparent_pictures_lie_on_white(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(path, "PNG")
    shown = Image.open(io.BytesIO(render(path, "a.png", 1, None).data)).convert("RGB")
    assert shown.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(("name", "page"), [("a.pdf", 2), ("a.png", 2), ("a.png", 1)])
def test_what_cannot_be_shown_is_refused_with_a_sentence(tmp_path: Path, name: str, page: int) -> None:
    path = tmp_path / "stored"
    path.write_bytes(PDFS["one column"])
    with pytest.raises(ParseFailure) as caught:
        render(path, name, page, None)
    assert name in caught.value.message


async def test_a_model_sees_the_page_of_a_hit_with_its_passage_marked(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(PDFS["second page"])
    async with local(tmp_path) as engine, connected(engine, "auto", folder) as caller:
        store = await caller.store()
        await caller.call("upload_file", path=str(folder / "report.pdf"), vector_store_id=store, wait_seconds=30)
        word = lines(8, 30)[4].split()[0]
        hit = (await caller.call("search", query=word, vector_store_id=store, response_format="detailed"))["data"][0]
        answer = await caller.result("read", uri=hit["uri"], page=2, **{"as": "image"})
        text, image = answer.content
        assert isinstance(text, TextContent)
        assert isinstance(image, ImageContent)
        assert "Page 2 of 2 of report.pdf" in text.text
        assert "with the passage marked" in text.text
        assert Image.open(io.BytesIO(base64.b64decode(image.data))).width == WIDTH
        assert (await caller.call("read", file_id=hit["file_id"], page=1, **{"as": "image"}))["marked"] is False
