"""The child's side: what runs inside the parser process.

Its standard output carries the results to the parent, so while a parser runs it is redirected to the null device: a
line printed by C code would end the connection. Its standard error is a pipe that nobody reads, and is redirected for
good.
"""

import faulthandler
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.dispatch import read_document, shown_name
from vectorstores_server.system import posix

if TYPE_CHECKING:  # imported by the child when it is asked for an image
    from vectorstores_server.engines.local.parsing.page_image import RenderedPage
    from vectorstores_server.engines.local.parsing.page_marks import PassageOnPage

T = TypeVar("T")
_SHARE = 0.8
"""The share of a page's seconds that the recognising program may take: it must be ended before its parent is."""


def ready() -> None:
    """Do nothing: its return shows that the child runs and has loaded this module."""


def end() -> None:
    """End the child, after it has told the parent."""
    raise SystemExit


def parse_in_child(
    path: str, filename: str, blank: bool, *, parent: int, cpu_seconds: float, seconds: float, memory_bytes: int
) -> bytes | ParseFailure:
    """Parse the file and return its document as `Document.dumps` writes it, or why there is none.

    `blank` as of `read_document`. `seconds` is for an orphan: a `parent` that lives ends this process earlier.
    """

    def work() -> bytes:
        return read_document(Path(path), filename, blank=blank).dumps()

    return _confined(work, filename, parent, cpu_seconds, seconds, memory_bytes)


def parse_run_in_child(
    files: Sequence[tuple[str, str]], *, parent: int, cpu_seconds: float, seconds: float, memory_bytes: int
) -> list[bytes | None] | ParseFailure:
    """Parse small files, each given by its path and name, as `parse_in_child` does; None for one without a document."""

    def work() -> list[bytes | None]:
        return [_dumped(Path(path), filename) for path, filename in files]

    return _confined(work, files[0][1], parent, cpu_seconds, seconds, memory_bytes)


def _dumped(path: Path, filename: str) -> bytes | None:
    try:
        return read_document(path, filename).dumps()
    except ParseFailure:
        return None


def recognise_in_child(
    path: str,
    filename: str,
    page: int,
    command: Sequence[str],
    *,
    parent: int,
    cpu_seconds: float,
    seconds: float,
    memory_bytes: int,
) -> str | ParseFailure:
    """Return the text that `command` finds in the picture of a page, or why there is none. `seconds` as above."""
    from vectorstores_server.engines.local.parsing.errors import ParserRefusal
    from vectorstores_server.engines.local.parsing.page_image import recognisable
    from vectorstores_server.engines.local.parsing.tesseract import text_of

    def work() -> str:
        picture = recognisable(Path(path), filename, page)
        try:
            return text_of(picture, command, _SHARE * seconds) if picture is not None else ""
        except ParserRefusal as refusal:
            raise ParseFailure(refusal.code, f"{shown_name(filename)} {refusal.fact}. {refusal.step}.") from refusal

    posix.stand_back()
    return _confined(work, filename, parent, cpu_seconds, seconds, memory_bytes)


def render_in_child(
    path: str,
    filename: str,
    page: int,
    passage: "PassageOnPage | None",
    *,
    parent: int,
    cpu_seconds: float,
    seconds: float,
    memory_bytes: int,
) -> "RenderedPage | ParseFailure":
    """Return a page of the file as an image, or why there is none. `seconds` as of parse_in_child."""
    from vectorstores_server.engines.local.parsing.page_image import render

    return _confined(
        lambda: render(Path(path), filename, page, passage), filename, parent, cpu_seconds, seconds, memory_bytes
    )


def _confined(
    work: Callable[[], T], filename: str, parent: int, cpu_seconds: float, seconds: float, memory_bytes: int
) -> T | ParseFailure:
    posix.end_with_parent(parent)
    posix.limit_self(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds)
    with silent():
        faulthandler.dump_traceback_later(seconds, exit=True, file=2)
        try:
            return work()
        except ParseFailure as failure:
            return failure
        except MemoryError:
            sentence = f"{shown_name(filename)} needs more memory than a parser may use. Split it and upload the parts."
            return ParseFailure("invalid_file", sentence)
        finally:
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def silent() -> Generator[None]:
    """Redirect output and errors to the null device, with what C code has left in its buffers."""
    results = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        posix.flush_c_streams()
        os.dup2(results, 1)
        os.close(results)
