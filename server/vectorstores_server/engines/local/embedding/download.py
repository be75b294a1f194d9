"""Fetch a model's files from its official hub, at one revision: only files with the right hash are kept.

`huggingface_hub` does the fetching: it goes on where a broken download ended, reads HF_ENDPOINT for a mirror and
HF_HUB_OFFLINE, and takes the proxies of the environment. It is given no token. What it brought is then compared with
the hash that this package holds.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import anyio
import anyio.to_thread

from vectorstores_server.engines.local.embedding.errors import DownloadFailed, ModelUnusable
from vectorstores_server.engines.local.embedding.models import ModelCard, ModelFile
from vectorstores_server.engines.local.embedding.weights import cached_path, verify

Progress = Callable[[int, int], None]
"""A callback for progress: gets the bytes of a file that are here, and its size."""

MOST_BYTES = 64_000_000
"""The most bytes of a file of which only the hash is known."""


async def download(
    cache: Path, card: ModelCard, *, progress: Progress | None = None, endpoint: str | None = None
) -> Path:
    """Return the path of the weights in `cache`, fetching the files unless they are there already.

    While another process fetches them this one waits for it. Raises DownloadFailed; the next attempt goes on with the
    part of a file that has come. `endpoint` None: the hub, or what HF_ENDPOINT names.
    """
    target = cached_path(cache, card)
    ended = threading.Event()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with _alone(target.parent):
            for file in card.files:
                fetch = partial(_fetched, card, file, target.parent, progress, endpoint, ended)
                await anyio.to_thread.run_sync(fetch, abandon_on_cancel=True)
    except OSError as error:
        raise DownloadFailed(card, f"{target.parent} cannot be written ({error.strerror or error})") from error
    finally:
        ended.set()
    return target


def _fetched(
    card: ModelCard, file: ModelFile, folder: Path, progress: Progress | None, endpoint: str | None,
    ended: threading.Event,
) -> None:  # fmt: skip
    path = folder / file.name
    if _is_whole(path, file, card):
        return
    path.unlink(missing_ok=True)  # a file with other contents, which the hub's client would leave as it is
    _fetch(card, file, folder, endpoint, partial(_Blocks, file, progress, ended))
    try:
        verify(path, file, card)
    except ModelUnusable as error:
        path.unlink(missing_ok=True)
        raise DownloadFailed(card, f"what came is not {file.name} at this revision") from error


def _fetch(card: ModelCard, file: ModelFile, folder: Path, endpoint: str | None, bar: Callable[..., Any]) -> None:
    import httpx2  # the HTTP library of the hub's client: its errors come through
    from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType] - it names bare dicts

    # Its warnings say to log in, and how it goes on after a fault.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        hf_hub_download(
            card.repository, file.name, revision=card.revision, local_dir=folder, endpoint=endpoint, token=False,
            tqdm_class=cast("Any", bar),
        )  # fmt: skip
    except _TooLongError as error:
        raise DownloadFailed(card, f"{file.name} is longer than it should be") from error
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise DownloadFailed(card, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the first line of an error: further lines of the client's errors advise to log in."""
    cause = error.__cause__ or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")


class _TooLongError(Exception):
    """The download is longer than the file can be."""


class _EndedError(OSError):
    """Nobody waits for the file any more."""


class _Blocks:
    """Counts the bytes of a file for the caller, in the form of the client's progress bars; shows nothing."""

    def __init__(
        self,
        file: ModelFile,
        progress: Progress | None,
        ended: threading.Event,
        *,
        initial: int = 0,
        **of_a_bar: object,
    ) -> None:
        del of_a_bar
        self._most = file.size or MOST_BYTES
        self._progress = progress
        self._ended = ended
        self._came = initial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """Do nothing: there is no line to end."""

    def update(self, count: float | None = 1) -> None:
        """Take note of a block."""
        self._came += int(count or 0)
        if self._ended.is_set():
            raise _EndedError("the download was given up")
        if self._came > self._most:
            raise _TooLongError
        if self._progress is not None:
            self._progress(self._came, self._most)


def _is_whole(path: Path, file: ModelFile, card: ModelCard) -> bool:
    if not path.exists():
        return False
    try:
        verify(path, file, card)
    except ModelUnusable:
        return False
    return True


@asynccontextmanager
async def _alone(directory: Path) -> AsyncGenerator[None]:
    """Hold the lock of the directory: SQLite's, because it works on every system and dies with its process."""
    lock = sqlite3.connect(directory / "download.lock", isolation_level=None, timeout=0)
    with contextlib.closing(lock):
        while not _locked(lock):  # noqa: ASYNC110 - another process holds it and sets no event here
            await anyio.sleep(0.25)
        yield


def _locked(lock: sqlite3.Connection) -> bool:
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return False
        raise OSError(None, str(error)) from error
    return True
