"""What a search costs on this machine's disk, on a copy of a table in object storage, and straight on the storage.

The storage is moto's S3 on loopback in a process of its own. moto reads the whole object for each range, so that the
straight way is slower here than on a server made for it; what a request to a real one takes comes on top of all.
"""

import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx

from benchmarks.budgets import Result
from benchmarks.growth import DIMENSIONS, Source
from benchmarks.metrics import median, percentile
from benchmarks.options import Options
from vectorstores_server.engines.local.index import CandidateQuery, Index
from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_server.engines.local.objects.place import ObjectPlace
from vectorstores_server.engines.local.objects.table_copies import TableCopies
from vectorstores_server.engines.local.objects.tables import ObjectTables

TABLE = f"vs_{'0' * 24}_1"
ROWS, AT_ONCE = 10_000, 1_000
QUERIES, STRAIGHT = 60, 10
ROOM = 1 << 33
MOST = 2.0
"""How many times as long a search of a copy may take as one of the disk."""
OPTIONS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_region": "us-east-1"}
Ask = Callable[[CandidateQuery], Awaitable[object]]


async def run(options: Options) -> list[Result]:
    """Measure the row of shared, and print the parts of it."""
    del options
    async with s3() as endpoint:
        with TemporaryDirectory() as work:
            return [await measured(endpoint, Path(work))]


async def measured(endpoint: str, work: Path) -> Result:
    bucket = ObjectBucket(ObjectPlace("s3://bench/data", endpoint, OPTIONS))
    straight = Index(ObjectTables(bucket))
    copies = ObjectTables(bucket, TableCopies(bucket, work / "copies", ROOM))
    disk, copied, source = Index(work / "index"), Index(copies), Source()
    version = 0
    for number in range(ROWS // AT_ONCE):
        part = source.rows(number, AT_ONCE)
        for index in (disk, straight):
            await index.create(TABLE, DIMENSIONS)
            version = await index.add(TABLE, [part]) or version
    for index in (disk, straight):
        await index.optimize(TABLE, force=True)
    began = time.perf_counter()
    await copies.readable(TABLE)
    print(f"first copy of {ROWS} passages: {time.perf_counter() - began:.2f} s")
    queries = [
        CandidateQuery(vector=vector, text=text, revs=None)
        for vector, text in zip(source.vectors(QUERIES), source.texts(QUERIES, 12), strict=True)
    ]
    ways: dict[str, tuple[Ask, int]] = {
        "disk": (lambda query: disk.candidates(TABLE, query), QUERIES),
        "copy, version known": (lambda query: copied.candidates(TABLE, query, version), QUERIES),
        "copy, looked at each time": (lambda query: copied.candidates(TABLE, query), QUERIES),
        "straight": (lambda query: straight.candidates(TABLE, query), STRAIGHT),
    }
    seconds = {name: await timed(ask, queries[:number]) for name, (ask, number) in ways.items()}
    await straight.add(TABLE, [source.rows(ROWS, 20)])
    began = time.perf_counter()
    await copies.readable(TABLE)
    print(f"brought up to date after an add of 20 rows: {1000 * (time.perf_counter() - began):.0f} ms")
    for index in (disk, copied, straight):
        await index.aclose()
    shown = {name: f"{1000 * median(s):.0f} / {1000 * percentile(s, 0.95):.0f} ms" for name, s in seconds.items()}
    ratio = median(seconds["copy, version known"]) / median(seconds["disk"])
    others = "; ".join(f"{name} {figures}" for name, figures in shown.items() if name != "disk")
    return Result("shared_copy", f"disk {shown['disk']}", others, f"{ratio:.2f} x", ratio <= MOST)


async def timed(ask: Ask, queries: list[CandidateQuery]) -> list[float]:
    """Return the seconds of each query, after some that are not counted."""
    seconds: list[float] = []
    for query in [*queries[:3], *queries]:
        began = time.perf_counter()
        await ask(query)
        seconds.append(time.perf_counter() - began)
    return seconds[3:]


@asynccontextmanager
async def s3() -> AsyncGenerator[str]:
    """Run an S3 in a process of its own, with the bucket `bench`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    endpoint = f"http://127.0.0.1:{port}"
    async with await anyio.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with anyio.fail_after(60):
                while not await made(endpoint):  # noqa: ASYNC110 a process tells nobody that it listens
                    await anyio.sleep(0.2)
            yield endpoint
        finally:
            process.terminate()


async def made(endpoint: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.put(f"{endpoint}/bench")).is_success
        except httpx.TransportError:
            return False
