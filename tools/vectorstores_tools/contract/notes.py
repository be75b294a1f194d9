"""Notes on a file: what of it is not in its text, or may be wrong in it, in a few short sentences.

The parser's process makes them too, so nothing heavy is imported here.
"""

from collections.abc import Iterable

from vectorstores_tools.contract.characters import line

MOST_NOTES = 5
LONGEST_NOTE = 120
"""Characters. A note may quote a document: the name of an attachment, of a sheet."""


def short_notes(sentences: Iterable[str]) -> list[str]:
    """Return the notes as they are kept and shown: each clean and short, none twice, of too many the last a count."""
    notes = list(dict.fromkeys(filter(None, (line(sentence, LONGEST_NOTE) for sentence in sentences))))
    if len(notes) <= MOST_NOTES:
        return notes
    return [*notes[: MOST_NOTES - 1], f"{len(notes) - MOST_NOTES + 1} more notes are left out"]
