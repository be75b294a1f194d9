"""One of several processes at work on one data directory, for some seconds.

Usage: many_child.py DIRECTORY STORE ROLE SECONDS, where ROLE is
  add:NAME    attaches new files, and detaches every fourth; prints `added <file id> <word>`, `removed <file id>`
  change      puts one version of a file after the other in the place of the one before; prints `version <n>`
  search      searches for the changing file; prints `searches <n>`, and `saw <versions>` where it was not one of them
"""

import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TypeAlias

import anyio

from support.local import Words, once, opened, search, upload
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.requests import FileAttach

CHANGING = "changing.txt"


LEAST = {"add": 12, "change": 5, "search": 21}
"""How many lines a role prints at least, however long that takes."""
Say: TypeAlias = Callable[[str], None]


async def add(engine: LocalEngine, id: str, name: str, say: Say) -> None:
    last = ""
    for n in count():
        word = f"{name}word{n}"
        file = await upload(engine, f"Here {word} is told of, and nothing else. " * 20, f"{word}.txt")
        await engine.attach_file(id, FileAttach(file_id=file))
        say(f"added {file} {word}")
        if n % 4 == 3:
            await engine.detach_file(id, file)
            say(f"removed {file}")
            await done(engine, id, last)
        last = file


def version(n: int) -> bytes:
    return f"The changing document, as of version{n}.".encode()


async def sources(data: bytes) -> AsyncIterator[Source]:
    yield Source(CHANGING, f"/somewhere/{CHANGING}", sha256(data).hexdigest(), len(data), once(data))


async def change(engine: LocalEngine, id: str, say: Say) -> None:
    for n in count(1):
        ingested = await engine.attach_sources(id, sources(version(n)), AttachOptions())
        say(f"version {n}")
        if n % 3:  # and sometimes the next one comes before this one is there
            await done(engine, id, ingested.file_ids[0])


async def done(engine: LocalEngine, id: str, file: str) -> None:
    mark = 0
    while (await engine.retrieve_store_file(id, file)).status == "in_progress":
        mark = await engine.changed(mark)


async def look(engine: LocalEngine, id: str, say: Say) -> None:
    for n in count(1):
        hits = (await search(engine, id, "changing document version", max_num_results=50)).data
        seen = [hit.content[0].text for hit in hits if hit.filename == CHANGING]
        if len(seen) != 1:
            say(f"saw {seen}")
        say(f"searches {n}")


async def run(directory: Path, id: str, role: str, seconds: float) -> None:
    kind, _, name = role.partition(":")
    lines, enough = 0, anyio.Event()

    def say(line: str) -> None:
        nonlocal lines
        lines += 1
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        if lines >= LEAST[kind]:
            enough.set()

    async with opened(directory, Words()) as engine, anyio.create_task_group() as tasks:
        work = {"add": partial(add, name=name), "change": change, "search": look}[kind]
        tasks.start_soon(partial(work, engine, id, say=say))
        with anyio.move_on_after(seconds):
            await anyio.sleep_forever()
        await enough.wait()
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(run, Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4]))
