"""Facts of a file that a filter can name beside its attributes: where it is from, what it is, since when.

A fact that a file does not have is a key that it does not have. Only these names are reserved.
"""

PATH = "$path"
FILENAME = "$filename"
TYPE = "$type"
ADDED_AT = "$added_at"
MODIFIED_AT = "$modified_at"
FACT_KEYS = (PATH, FILENAME, TYPE, ADDED_AT, MODIFIED_AT)


def file_type(filename: str) -> str | None:
    """Return a name's ending without the dot, its ASCII letters small; None where there is none."""
    stem, _, ending = filename.rpartition(".")
    return _small(ending) if stem and ending else None


def type_as_held(value: str) -> str:
    """Return an ending as `file_type` writes it: people write `.PDF`, too."""
    return _small(value.removeprefix("."))


def _small(text: str) -> str:
    return "".join(character.lower() if character.isascii() else character for character in text)
