"""Logging: to stderr, and to a file when asked. Standard output belongs to the protocol."""

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHATTY = ("mcp", "httpx", "httpx2", "asyncio", "uvicorn")
SILENT = ("httpcore", "httpcore2")
"""At level debug they write the headers of every answer, in which a service may repeat the key."""


def configure(level: str, file: Path | None) -> None:
    """Set up the root logger, before MCPServer does it its way."""
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if file is not None:
        handlers.append(_file_handler(file))
    logging.basicConfig(level=level.upper(), format=LINE, handlers=handlers)
    for name in SILENT if level == "debug" else (*SILENT, *CHATTY):
        logging.getLogger(name).setLevel(logging.WARNING)


def _file_handler(file: Path) -> logging.Handler:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    return RotatingFileHandler(file, maxBytes=5_000_000, backupCount=2, encoding="utf-8")
