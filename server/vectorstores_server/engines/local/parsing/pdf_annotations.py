"""Annotations that people put onto a PDF: values of form fields, typed notes, comments.

`flatten` makes the values and notes that are shown part of the page, so that they are read where they stand; `remarks`
lists comments, and the values and notes that are not shown.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

_HIDDEN = 0x02 | 0x20  # hidden, or not to be viewed
_LONGEST = 100_000


def flatten(raw: Any, page: Any) -> bool:
    """Draw the page's fields and notes into it; whether there were any, so that the page must be opened again."""
    drawn = {raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP}
    if not any(raw.FPDFAnnot_GetSubtype(annotation) in drawn for annotation in _annotations(raw, page)):
        return False
    return raw.FPDFPage_Flatten(page.raw, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS


def remarks(raw: Any, page: Any, form: Any) -> list[str]:
    """Return the comments and the values of fields on a page, before it is drawn into; each text once."""
    texts: dict[str, None] = {}
    passed_over = {raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_LINK}
    for annotation in _annotations(raw, page):
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        if kind in passed_over or raw.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
            continue
        text = _value(raw, annotation, form) if kind == raw.FPDF_ANNOT_WIDGET else _string(raw, annotation, b"Contents")
        if text.strip():
            texts[text.strip()] = None
    return list(texts)


def _annotations(raw: Any, page: Any) -> Iterator[Any]:
    for index in range(raw.FPDFPage_GetAnnotCount(page.raw)):
        annotation = raw.FPDFPage_GetAnnot(page.raw, index)
        if annotation:
            try:
                yield annotation
            finally:
                raw.FPDFPage_CloseAnnot(annotation)


def _value(raw: Any, annotation: Any, form: Any) -> str:
    """Return the text that was typed or chosen; a button and a signature have none."""
    if form is None:
        return _string(raw, annotation, b"V")
    kinds = {raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX}
    if raw.FPDFAnnot_GetFormFieldType(form.raw, annotation) not in kinds:
        return ""
    return _read(partial(raw.FPDFAnnot_GetFormFieldValue, form.raw, annotation))


def _string(raw: Any, annotation: Any, key: bytes) -> str:
    return _read(partial(raw.FPDFAnnot_GetStringValue, annotation, key))


def _read(fill: Callable[[Any, int], int]) -> str:
    """Return the text that `fill` writes as UTF-16 into a buffer, for which it is asked the size first."""
    size = min(fill(None, 0), _LONGEST)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    fill(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[:size].decode("utf-16-le", errors="ignore").split("\0", 1)[0]
