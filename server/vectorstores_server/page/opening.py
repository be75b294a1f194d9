"""The owner's way to the page of a data directory: a private file names the server, a token is good once.

A user who can read the file can read the data; other users of the machine can neither read it nor guess the token.
"""

import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

FILE = "page.json"
OWNER = "owner"
SECONDS_GOOD = 60.0
MOST_WAITING = 20


@dataclass(frozen=True, slots=True)
class PageServer:
    """A server that shows a data directory's page; `secret` is its owner's token, empty where none is needed."""

    url: str
    secret: str = field(repr=False)
    process: int = field(default_factory=os.getpid)

    def write(self, directory: Path) -> None:
        """Write the server's address into a file that nobody else can read, whole or not at all."""
        path = directory / FILE
        unfinished = path.with_name(f"{FILE}.{secrets.token_hex(8)}.tmp")
        facts = {"url": self.url, "secret": self.secret, "process": self.process}
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(facts, file)
        unfinished.replace(path)

    def remove(self, directory: Path) -> None:
        """Take the file away, unless another server has put its own in the place."""
        if self.read(directory) == self:
            (directory / FILE).unlink(missing_ok=True)

    @classmethod
    def read(cls, directory: Path) -> "PageServer | None":
        """Return the server that the file names, None where there is none."""
        try:
            found: Any = json.loads((directory / FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        facts = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        url, secret, process = facts.get("url"), facts.get("secret"), facts.get("process")
        if isinstance(url, str) and isinstance(secret, str) and isinstance(process, int):
            return cls(url, secret, process)
        return None


class OneTimeTokens:
    """Tokens each of which opens the page once, within SECONDS_GOOD, with the rights of `secret`."""

    def __init__(self, secret: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.secret = secret
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def issue(self) -> str:
        """Return a new one; the oldest beyond MOST_WAITING is good no more."""
        token = secrets.token_urlsafe(32)
        self._until[token] = self._clock() + SECONDS_GOOD
        while len(self._until) > MOST_WAITING:
            self._until.popitem(last=False)
        return token

    def take(self, token: str) -> bool:
        """Tell whether a token is good, for the first and last time."""
        return self._until.pop(token, 0.0) > self._clock()
