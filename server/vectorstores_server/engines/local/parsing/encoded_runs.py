"""Base64 in text: pictures and attachments that nobody searches for, which would fill an index with junk."""

import re

_DATA_URI = re.compile(r"(data:[\w.+/-]{0,100}(?:;[\w=.+-]{1,50}){0,5};base64,)[A-Za-z0-9+/=_%-]+")
_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{256,}={0,2}")
_LINES = re.compile(r"(?m)(?:^[ \t]*[A-Za-z0-9+/]{60,128}[ \t]*\n){4,}(?:[ \t]*[A-Za-z0-9+/]{1,128}={0,2}[ \t]*$)?")
_KINDS = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


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
