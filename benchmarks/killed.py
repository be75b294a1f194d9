"""A server that is killed at random moments of a batch, and one that searches all the while."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process

from benchmarks.corpus import sentences
from benchmarks.processes import OURS, Served, serve

LATEST_KILL, LONGEST_LIFE = 8.0, 20.0
"""The latest kill of a server: in starts of one, about what a start and a batch of 200 files take; and in seconds."""
BETWEEN_SEARCHES = 0.02
GIVE_UP = 600.0

_EDITION = re.compile(r"edition(\d+)")


@dataclass(slots=True)
class Account:
    """The account of a run: the files asked for, those acknowledged, and the faults seen."""

    folder: Path
    files: int
    edition: int = 0
    kills: int = 0
    searches: int = 0
    singles: dict[str, str] = field(default_factory=dict[str, str])
    """The acknowledged single files: id -> name."""
    seen: dict[int, int] = field(default_factory=dict[int, int])
    """The newest edition of each file that a search showed."""
    wrong: list[str] = field(default_factory=list[str])

    def write_next_edition(self) -> None:
        """Give every file of the folder other content."""
        self.edition += 1
        dice = random.Random(self.edition)  # the same files in every run
        pieces = sentences()
        for number in range(self.files):
            text = f"{marker(number)} stands here in edition{self.edition}. " + ". ".join(dice.sample(pieces, 9))
            (self.folder / name(number)).write_text(text + ".\n", encoding="utf-8")


def name(number: int) -> str:
    return f"{number:03}.txt"


def marker(number: int) -> str:
    return f"zq{number:03}x"


async def kill_again_and_again(data: Path, account: Account, kills: int, seed: int) -> str:
    """Kill a server so many times, a new batch each time that one is through; return the store."""
    dice = random.Random(seed)
    account.folder.mkdir()
    account.write_next_edition()
    async with serve(OURS, data, FILE_ROOTS=str(account.folder)) as first:
        store = str((await first.call("create_store", name="Killed"))["id"])
        latest = min(LATEST_KILL * (time.perf_counter() - first.started), LONGEST_LIFE)
    async with serve(OURS, data, READ_ONLY="true") as watcher, anyio.create_task_group() as tasks:
        tasks.start_soon(_search_on, watcher, store, account)
        while account.kills < kills:
            await _kill_once(data, store, account, dice.uniform(0, latest))
            if await _is_through(watcher, store, account):
                account.write_next_edition()
        tasks.cancel_scope.cancel()
    return store


async def end_in_peace(data: Path, store: str, account: Account) -> None:
    """Let a server finish, and note files that are not there exactly once, completed and in their last edition."""
    with anyio.fail_after(GIVE_UP):
        async with serve(OURS, data, FILE_ROOTS=str(account.folder)) as server:
            left = 1
            while left:
                batch = await _attach(server, store, account)
                left = batch["not_uploaded"] + batch["file_counts"]["in_progress"]
            while (await server.call("retrieve", vector_store_id=store))["file_counts"]["in_progress"]:
                await server.call("retrieve", vector_store_id=store, wait_seconds=50)
            account.wrong += _wrong_files(account, await _all_files(server, store))
            for number in range(account.files):
                await _search_once(server, store, account, number)
            behind = [n for n in range(account.files) if account.seen.get(n) != account.edition]
            account.wrong += [f"{name(n)} is found in edition {account.seen.get(n)} only" for n in behind]


async def _attach(server: Served, store: str, account: Account) -> dict[str, Any]:
    return await server.call("batch_attach", vector_store_id=store, paths=[str(account.folder)], wait_seconds=50)


def _wrong_files(account: Account, files: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from (f"{file['id']} is {file['status']}" for file in files if file["status"] != "completed")
    names = [file["filename"] for file in files]
    expected = {name(number) for number in range(account.files)} | set(account.singles.values())
    yield from (f"{one} is lost" for one in sorted(expected - set(names)))
    yield from (f"{one} is there {names.count(one)} times" for one in sorted(set(names)) if names.count(one) > 1)
    listed = {file["id"] for file in files}
    yield from (f"{id}, which was acknowledged, is lost" for id in account.singles if id not in listed)


async def _all_files(server: Served, store: str) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        page = await server.call("list", vector_store_id=store, limit=100, **more)
        files += page["data"]
        if not page["has_more"]:
            return files
        more = {"after": page["last_id"]}


async def _is_through(watcher: Served, store: str, account: Account) -> bool:
    """Whether all files have been searchable in this edition; a killed server may have taken some only."""
    for number in range(account.files):
        if account.seen.get(number) != account.edition:
            await _search_once(watcher, store, account, number)
        if account.seen.get(number) != account.edition:
            return False
    return True


async def _search_on(watcher: Served, store: str, account: Account) -> None:
    dice = random.Random(0)
    while True:
        await _search_once(watcher, store, account, dice.randrange(account.files))
        await anyio.sleep(BETWEEN_SEARCHES)


async def _search_once(server: Served, store: str, account: Account, number: int) -> None:
    """Search for a file: once found it must be found, in one edition, and never again in an older one."""
    before = account.seen.get(number, 0)
    found = await server.call("search", vector_store_id=store, query=marker(number), max_num_results=50)
    account.searches += 1
    hits = [hit for hit in found["data"] if hit["filename"] == name(number)]
    editions = [int(edition) for hit in hits for edition in _EDITION.findall(hit.get("text", ""))]
    if len(hits) > 1 or (before and (len(editions) != 1 or editions[0] < before)):
        account.wrong.append(f"a search for {name(number)} saw editions {editions} after {before} was there")
    if editions:
        account.seen[number] = max(before, *editions)


async def _kill_once(data: Path, store: str, account: Account, seconds: float) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(data.parent),
        "VECTOR_STORES_DATA": str(data),
        "VECTOR_STORES_FILE_ROOTS": str(account.folder),
    }
    async with _spawned(environment) as process:
        assert process.stdin is not None
        for message in _messages(store, account):
            await process.stdin.send(json.dumps(message).encode() + b"\n")
        await anyio.sleep(seconds)  # the random moment is what this is about
        process.send_signal(signal.SIGKILL)
        account.kills += 1
        _note_acknowledged(await _rest(process), account)
        await process.wait()


@asynccontextmanager
async def _spawned(environment: dict[str, str]) -> AsyncGenerator[Process]:
    async with await anyio.open_process(
        OURS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


async def _rest(process: Process) -> bytes:
    assert process.stdout is not None
    output = b""
    try:
        while True:
            output += await process.stdout.receive()
    except anyio.EndOfStream:
        return output


def _messages(store: str, account: Account) -> Iterator[dict[str, Any]]:
    """Yield the messages of a client that attaches one new file and then the folder."""
    client = {"name": "benchmark", "version": "0"}
    start = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    yield {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": start}
    yield {"jsonrpc": "2.0", "method": "notifications/initialized"}
    single = {"text": f"A single file, {account.kills}.", "filename": f"single{account.kills}.txt", "wait_seconds": 0}
    folder = {"paths": [str(account.folder)], "wait_seconds": 50}
    for id, (tool, arguments) in enumerate((("upload_file", single), ("batch_attach", folder)), 1):
        params = {"name": tool, "arguments": {"vector_store_id": store} | arguments}
        yield {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


def _note_acknowledged(output: bytes, account: Account) -> None:
    for line in output.splitlines(keepends=True):
        message: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        if message.get("id") == 1 and not message["result"].get("isError"):
            file = message["result"]["structuredContent"]
            account.singles[file["id"]] = f"single{account.kills - 1}.txt"
