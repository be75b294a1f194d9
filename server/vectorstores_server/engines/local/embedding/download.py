"""Fetch the model's weights from its official hub: one process at a time, and only what has the right hash is kept."""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread
import httpx

from vectorstores_server.engines.local.embedding.errors import DownloadFailed, ModelUnusable
from vectorstores_server.engines.local.embedding.weights import SHA256, SIZE, cached_path, verify
from vectorstores_server.system.replies import PLAIN, bounded

HUB_URL = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors"

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes that there will be."""


async def download(
    cache: Path,
    *,
    progress: Progress | None = None,
    url: str = HUB_URL,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Path:
    """Return the path of the weights in `cache`, fetching them unless they are there already.

    While another process fetches them this one waits for it. Raises DownloadFailed; then nothing is left behind.
    """
    target = cached_path(cache)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with _alone(target.parent):
            if await anyio.to_thread.run_sync(_is_whole, target):
                return target
            timeout = httpx.Timeout(30.0)
            async with httpx.AsyncClient(
                transport=transport, timeout=timeout, follow_redirects=True, headers=PLAIN, event_hooks=bounded(SIZE)
            ) as client:
                await _fetch(client, url, target, progress)
    except OSError as error:
        raise DownloadFailed(url, f"{target.parent} cannot be written ({error.strerror})") from error
    except httpx.HTTPError as error:
        raise DownloadFailed(url, str(error) or type(error).__name__) from error
    return target


async def _fetch(client: httpx.AsyncClient, url: str, target: Path, progress: Progress | None) -> None:
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            async with client.stream("GET", url) as response:
                if response.status_code != 200:
                    raise DownloadFailed(url, f"the server answered {response.status_code}")
                digest = await _receive(response, file, url, progress)
            os.fsync(file.fileno())
        if digest != SHA256:
            raise DownloadFailed(url, f"what came has another sha256 ({digest[:12]}...)")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


async def _receive(response: httpx.Response, file: BinaryIO, url: str, progress: Progress | None) -> str:
    digest, received = hashlib.sha256(), 0
    async for block in response.aiter_bytes(1 << 20):
        received += len(block)
        digest.update(block)
        await anyio.to_thread.run_sync(file.write, block)
        if progress is not None:
            progress(received, SIZE)
    if received < SIZE:
        raise DownloadFailed(url, f"only {received:,} of {SIZE:,} bytes came")
    return digest.hexdigest()


def _is_whole(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        verify(path)
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
