"""Logging: to stderr, and to a file when asked. Standard output belongs to the protocol."""

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from vectorstores_tools.contract.characters import clean, sentence

LONGEST = 4_000
"""Characters of an entry, and of a line of a traceback."""
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHATTY = ("mcp", "httpx", "httpx2", "asyncio", "uvicorn")
SILENT = ("httpcore", "httpcore2")
"""At level debug they write the headers of every answer, in which a service may repeat the key."""


class OneLine(logging.Formatter):
    """Writes an entry as one clean line, whatever it quotes; below it a traceback, each line of it set in.

    So nothing that somebody else chose, a name or a path, can look like an entry of its own.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        return sentence(super().formatMessage(record), LONGEST)

    def formatException(self, ei: Any) -> str:
        """Return the traceback."""
        rows = clean(super().formatException(ei)).splitlines()
        return "\n".join(f"  {row[:LONGEST]}" for row in rows)


def configure(level: str, file: Path | None) -> None:
    """Set up the root logger, before MCPServer does it its way."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file is not None:
        handlers.append(_file_handler(file))
    for handler in handlers:
        handler.setFormatter(OneLine(LINE))
    logging.basicConfig(level=level.upper(), handlers=handlers)
    for name in SILENT if level == "debug" else (*SILENT, *CHATTY):
        logging.getLogger(name).setLevel(logging.WARNING)


def _file_handler(file: Path) -> logging.Handler:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    return RotatingFileHandler(file, maxBytes=5_000_000, backupCount=2, encoding="utf-8")
