"""Logging: to stderr, and to a file when asked. Standard output belongs to the protocol.

Each entry of ours is an event: a sentence for people, and a stable name with fields for what counts entries.
docs/troubleshooting.md lists them.
"""

import json
import logging
import os
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vectorstores_tools.contract.characters import clean, sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 4_000
"""Characters of an entry, of a field, and of a line of a traceback."""
LIBRARY = "library"
"""The event of an entry that is not ours."""
LINE = "%(asctime)s %(levelname)s %(name)s: %(event)s: %(message)s"
CHATTY = ("mcp", "httpx", "httpx2", "asyncio", "uvicorn")
SILENT = ("httpcore", "httpcore2")
"""Loggers that at level debug write the headers of every answer, in which a service may repeat the key."""

Field = str | int | float | None


def event(name: str, /, **fields: Field) -> dict[str, object]:
    """Return the `extra` of a log entry: what happened, by a stable name, and the facts that can be counted."""
    return {"event": name, "fields": fields}


class OneLine(logging.Formatter):
    """Writes an entry as one clean line, whatever it quotes; below it a traceback, each line of it set in.

    So nothing that somebody else chose, a name or a path, can look like an entry of its own.
    """

    def __init__(self, form: str = LINE) -> None:
        super().__init__(form, defaults={"event": LIBRARY})

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        return sentence(super().formatMessage(record), LONGEST)

    def formatException(self, ei: Any) -> str:
        """Return the traceback."""
        rows = clean(super().formatException(ei)).splitlines()
        return "\n".join(f"  {row[:LONGEST]}" for row in rows)


class JsonLine(OneLine):
    """Writes an entry as one line of JSON: time, level, logger, event, message, the event's fields, a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, Field] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", LIBRARY),
            "message": sentence(record.getMessage(), LONGEST),
        }
        fields: Mapping[str, Field] = getattr(record, "fields", {})
        entry = {name: _contained(value) for name, value in fields.items()} | entry
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure(level: str, file: Path | None, form: Literal["text", "json"] = "text") -> None:
    """Set up the root logger, before MCPServer does it its way."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file is not None:
        handlers.append(_file_handler(file))
    for handler in handlers:
        handler.setFormatter(JsonLine() if form == "json" else OneLine())
    logging.basicConfig(level=level.upper(), handlers=handlers)
    for name in SILENT if level == "debug" else (*SILENT, *CHATTY):
        logging.getLogger(name).setLevel(logging.WARNING)


def _contained(value: Field) -> Field:
    return sentence(value, LONGEST) if isinstance(value, str) else value


def _file_handler(file: Path) -> logging.Handler:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    return RotatingFileHandler(file, maxBytes=5_000_000, backupCount=2, encoding="utf-8")
