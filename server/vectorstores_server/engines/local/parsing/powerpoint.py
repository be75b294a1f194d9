"""PowerPoint presentations: a page a slide."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.errors import DAMAGE, damaged
from vectorstores_server.engines.local.parsing.zip_check import check_archive

if TYPE_CHECKING:
    from pptx.shapes.base import BaseShape
    from pptx.slide import Slide

_KIND = "a PowerPoint presentation (.pptx)"


def read_slides(path: Path) -> Document:
    """Of each slide its title as a heading, its text and tables in their order, and the speaker's notes."""
    import pptx
    from pptx.exc import PythonPptxError

    check_archive(path, _KIND)
    builder = DocumentBuilder()
    try:
        presentation = pptx.Presentation(str(path))
        for slide in presentation.slides:
            _add_slide(builder, slide)
        return builder.build(presentation.core_properties.title)
    except (*DAMAGE, PythonPptxError) as error:
        raise damaged(_KIND) from error


def _add_slide(builder: DocumentBuilder, slide: "Slide") -> None:
    builder.gap()
    builder.page()
    title = slide.shapes.title
    if title is not None and title.text_frame.text.strip():
        builder.heading(1, title.text_frame.text)
    else:
        builder.mark(1, "")  # it does not belong to the slide before
    _add_shapes(builder, (shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id))
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    if notes is not None and notes.text.strip():
        builder.block(f"Notes: {notes.text.strip()}")


def _add_shapes(builder: DocumentBuilder, shapes: "Iterable[BaseShape]") -> None:
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.shapes.group import GroupShape

    for shape in shapes:
        if isinstance(shape, GroupShape):
            _add_shapes(builder, cast("Iterable[BaseShape]", shape.shapes))
        elif isinstance(shape, GraphicFrame) and shape.has_table:
            builder.gap()
            for row in shape.table.rows:
                cells = [" ".join(cell.text.split()) for cell in row.cells]
                if any(cells):
                    builder.line(" | ".join(cells))
        elif isinstance(shape, Shape):
            builder.block(shape.text_frame.text)
