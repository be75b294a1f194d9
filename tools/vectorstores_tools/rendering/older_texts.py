"""A text that is not the newest of the file that was asked for, in words (pure)."""

from vectorstores_tools.contract.models import TextSlice

MADE_AGAIN = "The text of this file has been made again since this address was given"


def replaced(piece: TextSlice, successor: str) -> str:
    """Say whose text this is where it is not that of today of the file that was asked for, else nothing.

    `successor` is how the reader names the file that replaced it.
    """
    beginning = "so this is its beginning"
    if piece.superseded_by is not None:
        found = "the passage stands in it" if piece.same_words else f"the passage is not known in it, {beginning}"
        return f"The file was replaced by {successor}; {found}."
    if piece.outdated:
        return f"{MADE_AGAIN}; this is the older one, in which the passage stands."
    if piece.same_words is False:
        return f"{MADE_AGAIN}, and the older one is not kept, {beginning}; search again."
    return ""
