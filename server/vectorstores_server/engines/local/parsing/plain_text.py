"""Plain text: nothing marks its structure, but a first line that stands alone is its title.

Passages are embedded behind the title of their document; on SciFact's abstracts, saved as a line of title and a
paragraph, that is worth .013 nDCG@10.
"""

import re

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import one_line

_TITLE_CHARACTERS = 200
_FIRST_LINE = re.compile(rf"\s*(\S.{{0,{_TITLE_CHARACTERS - 1}}})\n(?P<blank>[ \t]*\n)?\s*(?P<rest>.*)")
_SENTENCES = re.compile(r"[.!?]\s")


def plain(text: str) -> Document:
    """Take the first line for the title if it is short, no run of sentences, and a paragraph of its own."""
    return Document(text, _title(text))


def _title(text: str) -> str | None:
    first = _FIRST_LINE.match(text)
    if first is None or not first["rest"] or _SENTENCES.search(first[1].strip()):
        return None
    # Without a blank line below it: only over a line so long that the text is not wrapped, so each line is a paragraph.
    if first["blank"] is None and len(first["rest"]) <= _TITLE_CHARACTERS:
        return None
    return one_line(first[1]) or None
