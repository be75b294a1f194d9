"""Plain text: its first line may be its title, and base64 in it is left out.

Nothing marks the structure of such a text, but a first line that stands alone is a title. Passages are embedded behind
the title of their document; on SciFact's abstracts, saved as a line of title and a paragraph, that is worth .013
nDCG@10. Pictures and attachments in base64 nobody searches for; they would fill an index with junk.
"""

import re

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import one_line

_TITLE_CHARACTERS = 200
_FIRST_LINE = re.compile(rf"\s*(\S.{{0,{_TITLE_CHARACTERS - 1}}})\n(?P<blank>[ \t]*\n)?\s*(?P<rest>.*)")
_SENTENCES = re.compile(r"[.!?]\s")
_DATA_URI = re.compile(r"(data:[\w.+/-]{0,100}(?:;[\w=.+-]{1,50}){0,5};base64,)[A-Za-z0-9+/=_%-]+")
_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{256,}={0,2}")
_LINES = re.compile(r"(?m)(?:^[ \t]*[A-Za-z0-9+/]{60,128}[ \t]*\n){4,}(?:[ \t]*[A-Za-z0-9+/]{1,128}={0,2}[ \t]*$)?")
_KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


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


def without_base64(text: str) -> str:
    """Return `text` without the runs of base64 in it; its lines keep their numbers."""
    if "base64," in text:
        text = _DATA_URI.sub(r"\1", text)
    return _LINES.sub(_emptied, _LONG_RUN.sub(_emptied, text))


def _emptied(match: re.Match[str]) -> str:
    run = match[0]
    if not all(kind.search(run, 0, 400) for kind in _KINDS):
        return run  # a sequence of genes, a line of dots and dashes
    return "\n" * run.count("\n")
