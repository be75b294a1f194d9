"""A process that ends itself, without a last word, at a step of the ingest protocol.

Usage: crash_child.py DIRECTORY STEP RUN [SCHEMA]; with a schema it is one of several servers. Prints a line
`acknowledged <file id> <word>` for each file that it attached.
"""

import os
import signal
import sys
from pathlib import Path

import anyio

from support.local import SMALL_CHUNKS, Words, opened, settled, store, upload
from support.servers import server
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.requests import FileAttach, PageRequest, StoreFilesRequest

FILES = 2


def text(word: str) -> str:
    """A few passages, each with the word."""
    return "\n\n".join(f"{word} is told of here, in paragraph {i}. " * 15 for i in range(4))


async def run(directory: Path, step: str, run: str, schema: str = "") -> None:
    def checkpoint(reached: str) -> None:
        if reached == step:
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    async with (
        server(schema, directory, "killed", Words(), checkpoint)
        if schema
        else opened(directory, Words(), checkpoint) as engine
    ):
        stores = (await engine.list_stores(PageRequest())).data
        id = stores[0].id if stores else await store(engine)
        await attach(engine, id, run)
        if step == "refused":
            await engine.attach_file(id, FileAttach(file_id=await upload(engine, b"\x00\x01\x02" * 99, "noise.txt")))
        await settled(engine, id)


async def attach(engine: LocalEngine, id: str, run: str) -> None:
    """Attach some new files as a batch, and one that is there with other chunks."""
    old = (await engine.list_store_files(id, StoreFilesRequest(limit=1, filter="completed"))).data
    words = {await upload(engine, text(f"run{run}file{i}"), f"{run}-{i}.txt"): f"run{run}file{i}" for i in range(FILES)}
    await engine.create_batch(id, [FileAttach(file_id=file) for file in words])
    for file, word in words.items():
        sys.stdout.write(f"acknowledged {file} {word}\n")
    sys.stdout.flush()
    for file in old:
        await engine.attach_file(id, FileAttach(file_id=file.id, chunking_strategy=SMALL_CHUNKS))


if __name__ == "__main__":
    anyio.run(run, Path(sys.argv[1]), sys.argv[2], sys.argv[3], "".join(sys.argv[4:]))
