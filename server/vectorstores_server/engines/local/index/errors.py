"""Errors of the index, and the one place where LanceDB's errors are read.

IndexUnavailable        the table cannot be read or written
├── TableMissing        there is no such table
├── WrongDimensions     vectors of another length than the table's
├── IndexUnreachable    the machine failed, not the table: nothing is known of what it holds
│   └── OutOfSpace      the disk is full; nothing was written
└── IndexBusy           another writer was faster; nothing was written, try again later

LanceDB raises plain ValueError, RuntimeError and OSError, so their kind is read from their text (0.40).
"""

from collections.abc import Generator
from contextlib import contextmanager

from vectorstores_server.system.machine_errors import is_of_the_machine, tells_of_the_machine


class IndexUnavailable(Exception):
    """A table of the index cannot be used. `reason` says why without naming a path; the cause has LanceDB's words."""

    reason = "it could not be read or written"
    next = "It is rebuilt from the stored documents the next time this data directory is opened for writing."

    def __init__(self, table: str, reason: str | None = None) -> None:
        self.table = table
        self.reason = reason or type(self).reason
        super().__init__(f"Index table {table!r} is unavailable: {self.reason}. {self.next}")


class TableMissing(IndexUnavailable):
    """No table of that name."""

    reason = "it does not exist"


class WrongDimensions(IndexUnavailable):
    """Vectors of another length than the table's, or none where it needs them."""

    next = "Use the embedder that the store was made with."

    def __init__(self, table: str, wanted: int | None, given: int | None) -> None:
        super().__init__(table, f"it has {_vectors(wanted)}, not {_vectors(given)}")


def _vectors(dimensions: int | None) -> str:
    return "no vectors" if dimensions is None else f"vectors of {dimensions} numbers"


class IndexBusy(IndexUnavailable):
    """Another commit came first, more often than LanceDB retries."""

    reason = "another writer changed it at the same moment"
    next = "Try again."


class IndexUnreachable(IndexUnavailable):
    """The machine failed (descriptors, permissions, memory, the disk): nothing was learned of the table."""

    reason = "the system would not let it be read or written"
    next = "Nothing was changed; it is tried again by itself."


class OutOfSpace(IndexUnreachable):
    """The disk that holds the index is full."""

    reason = "the disk is full"
    next = "Free some space; what was not indexed stays queued."


AWAY = "the object storage does not answer, or refuses the request"

_SIGNS = (
    (TableMissing, ("was not found",)),
    (IndexBusy, ("commit conflict", "Too many concurrent writers")),
    (OutOfSpace, ("No space left", "Disk quota exceeded", "os error 28", "os error 122")),
)

_REQUESTS = ("error performing ", "error decoding response body", "error sending request")
"""Words of the client of object storage where a request was not answered, or refused. A missing object is none of
these: that is learned from an answer."""


@contextmanager
def translated(table: str) -> Generator[None]:
    """Turn what LanceDB raises inside into the tree above."""
    try:
        yield
    except (ValueError, RuntimeError, OSError) as error:
        text = str(error)
        if any(sign in text.casefold() for sign in _REQUESTS):
            raise IndexUnreachable(table, AWAY) from None  # the text may quote what the storage said of a key
        for kind, signs in _SIGNS:
            if any(sign.casefold() in text.casefold() for sign in signs):
                raise kind(table) from error
        if is_of_the_machine(error) or tells_of_the_machine(text):
            raise IndexUnreachable(table) from error
        raise IndexUnavailable(table) from error
