"""The attributes of an attachment: those given, those found in its text, and the rows of both that filters read."""

from collections.abc import Mapping
from typing import Any

from vectorstores_server.engines.local.catalog.dialect import DB, HeldValue, Row
from vectorstores_server.engines.local.catalog.ids import dumps, loads
from vectorstores_tools.contract.filters import kind
from vectorstores_tools.contract.requests import MOST_ATTRIBUTES, Attributes


def replace_attributes(db: DB, attachment_id: int, attributes: Attributes) -> None:
    """Replace the attributes that a caller gave, and the rows of them that filters read."""
    db.execute("UPDATE attachment SET attributes = ? WHERE id = ?", (dumps(attributes), attachment_id))
    _enter_attributes(db, attachment_id)


def note_found(db: DB, attachment_id: int, found: Mapping[str, str]) -> None:
    """Store the properties found in the live text: they stand for attributes that the caller did not give."""
    known = "SELECT found FROM attachment WHERE id = ?"
    written = dumps(found) if found else None
    if db.execute(known, (attachment_id,)).fetchone()["found"] != written:
        db.execute("UPDATE attachment SET found = ? WHERE id = ?", (written, attachment_id))
        _enter_attributes(db, attachment_id)


def shown_attributes(row: Row | Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an attachment's row: those given, then those found in its text."""
    return {**(loads(row["attributes"]) or {}), **filled_in(row)}


def filled_in(row: Row | Mapping[str, Any]) -> dict[str, Any]:
    """Return the text's properties for keys that were not given, as far as there is room."""
    if row["attributes_final"] or row["found"] is None:
        return {}
    given = loads(row["attributes"]) or {}
    found = [(key, value) for key, value in (loads(row["found"]) or {}).items() if key not in given]
    return dict(found[: max(0, MOST_ATTRIBUTES - len(given))])


def _enter_attributes(db: DB, attachment_id: int) -> None:
    row = db.execute("SELECT * FROM attachment WHERE id = ?", (attachment_id,)).fetchone()
    db.execute("DELETE FROM attribute WHERE attachment_id = ?", (attachment_id,))
    db.executemany(
        "INSERT INTO attribute SELECT id, store_id, ?, ?, ?, live_rev FROM attachment WHERE id = ?",
        [(key, kind(value), HeldValue(value), attachment_id) for key, value in shown_attributes(row).items()],
    )
