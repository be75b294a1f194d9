"""A page of a PDF, or a picture, as an image that a model can look at: not too wide, and not too many bytes."""

import io
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from vectorstores_server.engines.local.parsing import PICTURES, ParseFailure
from vectorstores_server.engines.local.parsing import pdf_annotations as annotations
from vectorstores_server.engines.local.parsing.dispatch import shown_name
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged, invalid
from vectorstores_server.engines.local.parsing.page_marks import PassageOnPage, marks, on_image
from vectorstores_server.engines.local.parsing.pdf_page import TextPage

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH = 1_200
MOST_BYTES = 700_000
_TALLEST = 2_400
_MOST_PIXELS = 60_000_000
_MARK = (255, 235, 110)
_PICTURES = PICTURES | {".gif", ".bmp"}
_DOTS = 300 / 72
"""Pixels a point: what tesseract was trained on."""
_LONGEST = 5_000
_SMALL = 1_200
"""Pixels; in a smaller picture, as of a screen, the letters are too small to be recognised."""


class RenderedPage(NamedTuple):
    """An image of page `page` of `pages`; `marked` says whether a passage is marked on it."""

    data: bytes
    media_type: str
    width: int
    height: int
    page: int
    pages: int
    marked: bool


def can_be_shown(filename: str) -> bool:
    """Tell whether files of this type have an image."""
    suffix = PurePath(filename).suffix.lower()
    return suffix == ".pdf" or suffix in _PICTURES


def render(path: Path, filename: str, page: int, passage: PassageOnPage | None) -> RenderedPage:
    """Return the image of a page (from 1), with the passage marked on it. Raises ParseFailure."""
    name = shown_name(filename)
    try:
        if PurePath(filename).suffix.lower() == ".pdf":
            image, pages, marked = _pdf_page(path, name, page, passage)
        else:
            image, pages, marked = *_picture(path, name, page), False
            image.thumbnail((WIDTH, _TALLEST))
    except DAMAGE as error:
        raise ParseFailure("invalid_file", f"{name} cannot be shown: it is damaged or of another type.") from error
    data, media_type, size = _small(image)
    return RenderedPage(data, media_type, *size, page, pages, marked)


def _pdf_page(path: Path, name: str, number: int, passage: PassageOnPage | None) -> tuple["Image", int, bool]:
    with _opened(path, name, number) as (raw, page, pages):
        width, height = page.get_size()
        scale = min(WIDTH / max(width, 1), _TALLEST / max(height, 1))
        image: Image = page.render(scale=scale).to_pil().convert("RGB")
        boxes: list[tuple[int, int, int, int]] = []
        if passage is not None:
            rotation = page.get_rotation()
            letters = TextPage(raw, page.get_textpage())
            found = marks(letters, rotation, passage)
            boxes = [on_image(raw, page, box, *image.size) for box in found]
    for box in boxes:
        _mark(image, box)
    return image, pages, bool(boxes)


@contextmanager
def _opened(path: Path, name: str, number: int) -> Generator[tuple[Any, Any, int]]:
    """Open a page of a PDF as it is shown, forms filled in; give PDFium's functions, the page and the page count."""
    import pypdfium2  # pyright: ignore[reportMissingTypeStubs]  # it has no types: what comes from it is Any

    pdfium: Any = pypdfium2
    with pdfium.PdfDocument(path) as pdf:
        _check_page(name, number, len(pdf))
        if pdf.get_formtype() != pdfium.raw.FORMTYPE_NONE:
            pdf.init_forms()
        page = _page_as_shown(pdfium.raw, pdf, number)
        yield pdfium.raw, page, len(pdf)
        page.close()


def _page_as_shown(raw: Any, pdf: Any, number: int) -> Any:
    page = pdf[number - 1]
    if annotations.flatten(raw, page):
        page.close()
        page = pdf[number - 1]
    return page


def recognisable(path: Path, filename: str, page: int) -> bytes | None:
    """Return a page (from 1) in grey, as PGM, for the recognition of its text; None where nothing stands on it.

    Raises ParseFailure.
    """
    name = shown_name(filename)
    try:
        if PurePath(filename).suffix.lower() == ".pdf":
            image = _grey_page(path, name, page)
        else:
            image = _picture(path, name, page)[0].convert("L")
    except DAMAGE as error:
        raise ParseFailure("invalid_file", f"{name} cannot be shown: it is damaged or of another type.") from error
    image.thumbnail((_LONGEST, _LONGEST))
    if max(image.size) < _SMALL:
        image = image.resize((image.width * 2, image.height * 2))
    darkest, lightest = image.getextrema()
    return None if darkest == lightest else _encoded(image, "PPM")


def _grey_page(path: Path, name: str, number: int) -> "Image":
    with _opened(path, name, number) as (_, page, _):
        scale = min(_DOTS, _LONGEST / max(*page.get_size(), 1))
        image: Image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
    return image


def read_picture(path: Path) -> Document:
    """Return an empty page for each page of a picture: their text has to be recognised."""
    from PIL import Image as pictures

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with pictures.open(path, formats=["PNG", "JPEG", "TIFF", "WEBP"]) as opened:
                pages = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
        except pictures.DecompressionBombError as error:
            raise invalid("has too many pixels to be read", "Upload a smaller one") from error
        except DAMAGE as error:
            raise damaged("a picture") from error
    return Document("\n" * pages, page_starts=tuple(range(pages)))


def _mark(image: "Image", box: tuple[int, int, int, int]) -> None:
    """Lay a colour over a part of the image, as a marker does."""
    from PIL import Image as pictures
    from PIL import ImageChops

    left, top, right, bottom = (
        max(0, box[0] - 1),
        max(0, box[1]),
        min(image.width, box[2] + 1),
        min(image.height, box[3]),
    )
    if right > left and bottom > top:
        part = image.crop((left, top, right, bottom))
        image.paste(ImageChops.multiply(part, pictures.new("RGB", part.size, _MARK)), (left, top))


def _picture(path: Path, name: str, page: int) -> tuple["Image", int]:
    from PIL import Image as pictures
    from PIL import ImageOps

    pictures.MAX_IMAGE_PIXELS = _MOST_PIXELS
    try:
        with pictures.open(path) as opened:
            pages = getattr(opened, "n_frames", 1) if opened.format in ("TIFF", "GIF") else 1
            _check_page(name, page, pages)
            if opened.width * opened.height > _MOST_PIXELS:
                raise ParseFailure("invalid_file", f"{name} has too many pixels to be shown.")
            opened.seek(page - 1)
            image = ImageOps.exif_transpose(opened)
            image = _on_white(image)
    except (pictures.DecompressionBombError, pictures.DecompressionBombWarning) as error:
        raise ParseFailure("invalid_file", f"{name} has too many pixels to be shown.") from error
    return image, pages


def _on_white(image: "Image") -> "Image":
    """Return the picture without transparency, on white."""
    from PIL import Image as pictures

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    shown = image.convert("RGBA")
    white = pictures.new("RGBA", shown.size, "white")
    white.alpha_composite(shown)
    return white.convert("RGB")


def _check_page(name: str, page: int, pages: int) -> None:
    if not 1 <= page <= pages:
        raise ParseFailure("no_page", f"{name} has no page {page}. Pass a page from 1 to {pages}.")


def _small(image: "Image") -> tuple[bytes, str, tuple[int, int]]:
    """Return the image as few bytes: with a palette, then grey, then as JPEG, then smaller."""
    for data, media_type in _encodings(image):
        if len(data) <= MOST_BYTES:
            return data, media_type, image.size
    while True:
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)))
        data = _encoded(image, "JPEG", quality=70)
        if len(data) <= MOST_BYTES:
            return data, "image/jpeg", image.size


def _encodings(image: "Image") -> Iterator[tuple[bytes, str]]:
    yield _encoded(image.quantize(64), "PNG", optimize=True), "image/png"
    yield _encoded(image.convert("L").quantize(16), "PNG", optimize=True), "image/png"
    for quality in (85, 70):
        yield _encoded(image, "JPEG", quality=quality), "image/jpeg"


def _encoded(image: "Image", kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
