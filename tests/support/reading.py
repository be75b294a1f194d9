"""A file read by its parser, and the words of what came out."""

from pathlib import Path

from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document


def read(folder: Path, name: str, content: str | bytes) -> Document:
    path = folder / "stored-without-an-extension"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_document(path, name)
