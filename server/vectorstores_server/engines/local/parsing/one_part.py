"""One part of a file by itself: what it cannot give is a note, and the other parts are read."""

from collections.abc import Generator
from contextlib import contextmanager

from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.errors import DAMAGE


@contextmanager
def one_part(builder: DocumentBuilder, name: str) -> Generator[None]:
    """Read one slide, sheet or chapter: what it raises over its bytes is a note, and the others are read on."""
    try:
        yield
    except DAMAGE as error:
        # Imported here: a file that is in order needs none of it, and it brings SQLite.
        from vectorstores_server.system.machine_errors import is_of_the_machine

        if isinstance(error, OSError) and is_of_the_machine(error):
            raise
        builder.note(f"{name} could not be read")
