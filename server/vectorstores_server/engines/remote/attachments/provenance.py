"""The origin of an attached file, kept as two of its attributes: `source` and `sha256`.

A source that is a path has `/./` between the folder that was named and the path below it, as rsync writes it.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, TypeVar

from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.models import Page, SearchHit, VectorStoreFile
from vectorstores_tools.contract.requests import MOST_ATTRIBUTES, Attributes

SOURCE, SHA256 = "source", "sha256"
MARKS = frozenset({SOURCE, SHA256})
HASH = re.compile(r"[0-9a-f]{64}")
LONGEST_SOURCE = 512
BELOW = "/./"
Attached = TypeVar("Attached", VectorStoreFile, SearchHit)


def placed(source: Source, before: str | None = None) -> str:
    """Return the mark of a source; `before` is that of its last version, whose folder stays."""
    if "://" in source.origin:
        return source.origin
    if before is not None and BELOW in before:
        return before
    path = PurePath(source.origin)
    folder = source.folder if source.folder and path.is_relative_to(source.folder) else str(path.parent)
    return f"{folder.rstrip('/')}{BELOW}{path.relative_to(folder).as_posix()}"


def source_of(mark: str) -> str:
    """Return the source that a mark is of."""
    return str(PurePath(mark)) if BELOW in mark else mark


def path_of(mark: str) -> str | None:
    """Return the path below the folder that was named; None for a URL, and in a mark of an older version."""
    return mark.partition(BELOW)[2] or None


def marked(attributes: Attributes | None, mark: str, sha256: str) -> Attributes | None:
    """Return the attributes with the marks, None where there is no room for them or the caller uses their names."""
    given = attributes or {}
    if MARKS & given.keys() or len(mark) > LONGEST_SOURCE or len(given) + len(MARKS) > MOST_ATTRIBUTES:
        return None
    return {**given, SOURCE: mark, SHA256: sha256}


def marks_of(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the two attributes that say where a file came from; none where somebody else named theirs so."""
    marks = {key: value for key, value in (attributes or {}).items() if key in MARKS}
    return marks if len(marks) == len(MARKS) and HASH.fullmatch(str(marks[SHA256])) else {}


def unmarked(attributes: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the attributes as the caller gave them, without the marks of a source."""
    marks = marks_of(attributes)
    return attributes if not attributes or not marks else {k: v for k, v in attributes.items() if k not in marks}


def remarked(attributes: Attributes | None, before: Mapping[str, Any] | None) -> Attributes | None:
    """Return the map as it is to be, with the marks that the file had. Raises InvalidRequest where they do not fit."""
    marks = marks_of(before)
    given = attributes or {}
    if marks and (MARKS & given.keys() or len(given) + len(marks) > MOST_ATTRIBUTES):
        raise InvalidRequest(
            "This file came from a path: its attributes source and sha256 keep that, and leave room for 14 others.",
            "Pass fewer, with other names.",
            param="attributes",
        )
    return {**given, **marks} or None


def shown(file: Attached) -> Attached:
    """Return the file or hit with the attributes that its caller gave, and where it came from."""
    marks = marks_of(file.attributes)
    if not marks:
        return file
    mark = str(marks[SOURCE])
    origin = {"source": source_of(mark), "path": path_of(mark)}
    return file.model_copy(update={"attributes": unmarked(file.attributes), **origin})


def shown_page(page: Page[VectorStoreFile]) -> Page[VectorStoreFile]:
    """Return the page with the attributes that the callers gave."""
    return page.model_copy(update={"data": [shown(file) for file in page.data]})
