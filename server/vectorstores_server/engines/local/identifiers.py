"""The parts of compound identifiers, so that `user name` finds `user_name`, `userName` and `user.name`."""

import re

_COMPOUND = re.compile(r"\w+(?:[.:]\w+)*")
_SEPARATORS = re.compile(r"[_.:]+")
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")


def identifier_parts(text: str) -> list[str]:
    """Return the parts, in order, of each identifier that has more than one: `os.getLogin` gives os, get, Login.

    Parts without a letter and single letters are left out. Hyphens and slashes need no help: every text index
    takes them for boundaries.
    """
    found: list[str] = []
    for compound in _COMPOUND.finditer(text):
        word = compound.group()
        parts = [part for piece in _SEPARATORS.split(word) for part in _HUMPS.split(piece)]
        if len(parts) > 1:
            found.extend(part for part in parts if len(part) > 1 and not part.isdecimal())
    return found
