"""Uploads and downloads of 512 MB over /v1: the memory of the server meanwhile, against 16 MB in the same run."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx

from benchmarks.budgets import Result
from benchmarks.options import Options
from benchmarks.web import Web, ours

MEBIBYTE = 1024 * 1024
SMALL, LARGE = 16 * MEBIBYTE, 512 * MEBIBYTE
PART = 64 * MEBIBYTE
FLAT = 1.2
"""How much more memory 512 MB may take than 16."""
SECONDS_A_SAMPLE = 0.01
SECONDS_AT_MOST = 300.0

Way = Callable[[httpx.AsyncClient, Path], Awaitable[str]]
"""Brings a file in or out; returns the id of the File."""


@dataclass(slots=True)
class Passage:
    """The cost of one file: the most memory that was held, in MB, and the seconds."""

    held: float
    seconds: float = 0.0


async def run(options: Options) -> list[Result]:
    """Measure an upload in one request, one in parts, and a download."""
    small, large = zeros(options.work / "small.txt", SMALL), zeros(options.work / "large.txt", LARGE)
    async with ours(options.work / "uploads", EMBEDDER="none") as web:
        address = f"http://127.0.0.1:{web.port}/v1"
        async with httpx.AsyncClient(base_url=address, timeout=SECONDS_AT_MOST) as client:
            await whole(client, small)  # modules imported at the first request are no part of an upload
            return [
                await row(name, web, client, way, (small, large))
                for name, way in (("upload_whole", whole), ("upload_parts", in_parts), ("download", back))
            ]


async def row(name: str, web: Web, client: httpx.AsyncClient, way: Way, files: tuple[Path, Path]) -> Result:
    before = web.resident()
    async with watched(web) as little:
        await way(client, files[0])
    async with watched(web) as much:
        await way(client, files[1])
    ratio = much.held / little.held
    return Result(
        name,
        f"16 MB: {little.held:.0f} MB held",
        f"512 MB: {much.held:.0f} MB held",
        f"{ratio:.2f}",
        ratio <= FLAT,
        f"{before:.0f} MB before; 512 MB took {much.seconds:.1f} s, with the client on the same machine",
    )


@asynccontextmanager
async def watched(web: Web) -> AsyncGenerator[Passage]:
    """Note the most memory that the server holds until the block ends."""
    passage = Passage(web.resident())
    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sample, web, passage)
        yield passage
        tasks.cancel_scope.cancel()
    passage.seconds = time.perf_counter() - began


async def sample(web: Web, passage: Passage) -> None:
    while True:
        passage.held = max(passage.held, web.resident())
        await anyio.sleep(SECONDS_A_SAMPLE)


async def whole(client: httpx.AsyncClient, path: Path) -> str:
    """Upload in one request."""
    with path.open("rb") as file:
        reply = await client.post("/files", files={"file": (path.name, file)}, data={"purpose": "assistants"})
    return reply.raise_for_status().json()["id"]


async def in_parts(client: httpx.AsyncClient, path: Path) -> str:
    """Upload in parts of 64 MB."""
    size = (await anyio.Path(path).stat()).st_size
    begin = {"filename": path.name, "purpose": "assistants", "bytes": size, "mime_type": "text/plain"}
    upload = (await client.post("/uploads", json=begin)).raise_for_status().json()["id"]
    parts: list[str] = []
    with path.open("rb") as file:
        while data := file.read(PART):
            reply = await client.post(f"/uploads/{upload}/parts", files={"data": data})
            parts.append(reply.raise_for_status().json()["id"])
    done = await client.post(f"/uploads/{upload}/complete", json={"part_ids": parts})
    return done.raise_for_status().json()["file"]["id"]


async def back(client: httpx.AsyncClient, path: Path) -> str:
    """Download the file that was uploaded before."""
    size = (await anyio.Path(path).stat()).st_size
    files = (await client.get("/files")).raise_for_status().json()["data"]
    file = next(file["id"] for file in files if file["bytes"] == size)
    received = 0
    async with client.stream("GET", f"/files/{file}/content") as reply:
        async for piece in reply.aiter_bytes(MEBIBYTE):
            received += len(piece)
    if received != size:
        raise RuntimeError(f"{received} of {size} bytes came back.")
    return file


def zeros(path: Path, size: int) -> Path:
    """Make a file that takes no room on disk here; on its way it is as long as it says."""
    with path.open("wb") as file:
        file.truncate(size)
    return path
