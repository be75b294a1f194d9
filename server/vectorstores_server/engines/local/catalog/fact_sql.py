"""Facts of a file as SQL over `attachment` and `file`: what `$type` and the like mean in a filter."""

from dataclasses import dataclass

from vectorstores_tools.contract.filters import ADDED_AT, FILENAME, MODIFIED_AT, PATH, TYPE

ATTACHMENTS = "attachment"
WITH_FILES = "attachment CROSS JOIN file ON file.id = attachment.file_id"


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A fact in SQL: an expression, the kind of its values, and the tables that it is read from."""

    kind: str
    value: str
    tables: str = ATTACHMENTS


NAME = "coalesce(attachment.name, file.filename)"
_BYTES = f"CAST({NAME} AS BLOB)"
"""The bytes of a name: SQLite's functions of text may stop at a NUL."""
_TO_LAST_DOT = f"length(CAST(rtrim({NAME}, replace({NAME}, '.', '')) AS BLOB))"
"""The length in bytes of the name up to its last dot, the dot included: no character behind that is a dot."""
ENDING = f"CASE WHEN {_TO_LAST_DOT} > 1 THEN nullif(lower(CAST(substr({_BYTES}, {_TO_LAST_DOT} + 1) AS TEXT)), '') END"

COLUMNS = {
    PATH: FactColumn("string", "attachment.path"),
    FILENAME: FactColumn("string", NAME, WITH_FILES),
    TYPE: FactColumn("string", ENDING, WITH_FILES),
    ADDED_AT: FactColumn("number", "attachment.created_at"),
    MODIFIED_AT: FactColumn("number", "attachment.modified_ns / 1000000000"),
}
