"""The stores that benchmarks search: built through the tools, kept in the work folder and used again."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.corpus import abstracts, long_files
from benchmarks.options import Options
from benchmarks.processes import OURS, Served, serve

GROUPS = 25
TEN_THOUSAND, OF_A_GROUP = "ten-thousand", 126
"""A folder of its own, and the store in it."""
PATHS_IN_A_CALL = 100
MATCHING = 7  # of the groups match FILTER: 28 % of the files
FILTER = {
    "type": "and",
    "filters": [{"type": "eq", "key": "lang", "value": "en"}, {"type": "gte", "key": "year", "value": 2015}],
}


def serve_stores(options: Options, folder: str = "stores") -> AbstractAsyncContextManager[Served]:
    """Serve stores of the work folder; files are read from it and from the collections."""
    roots = os.pathsep.join((str(options.work), str(options.data)))
    return serve(OURS, options.work / folder, FILE_ROOTS=roots)


async def short_documents(server: Served, options: Options) -> str:
    """Return the id of the store with one file per abstract (about 16k passages)."""
    return await _abstracts(server, options, "abstracts", None)


async def ten_thousand_passages(server: Served, options: Options) -> str:
    """Return the id of the store with the first abstracts of each group, which are about 10k passages."""
    return await _abstracts(server, options, TEN_THOUSAND, OF_A_GROUP)


async def _abstracts(server: Served, options: Options, name: str, of_a_group: int | None) -> str:
    """Return a store with files of every group, whose attributes FILTER can tell apart."""
    store = await named(server, name)
    if store is not None:
        await finished(server, store)
        return store
    folders = written(options)
    store = (await server.call("create_store", name=name))["id"]
    for group, folder in enumerate(folders):
        attributes = {"lang": "en" if group < 2 * MATCHING else "de", "year": 2015 if group % 2 else 2010}
        files = [str(path) for path in sorted(folder.iterdir())[:of_a_group]] if of_a_group else [str(folder)]
        for start in range(0, len(files), PATHS_IN_A_CALL):
            await attach(server, store, files[start : start + PATHS_IN_A_CALL], attributes)
    await finished(server, store)
    return store


async def long_documents(server: Served, options: Options) -> str:
    """Return the id of the store with chunkeval's files."""
    store = await named(server, "chunkeval")
    if store is None:
        store = (await server.call("create_store", name="chunkeval"))["id"]
        await attach(server, store, [str(path) for path in long_files(options.data)], {})
    await finished(server, store)
    return store


def written(options: Options) -> list[Path]:
    """Write one file per abstract, in groups that a call can take, and return the folders."""
    folders = [options.work / "abstracts" / f"group-{group:02}" for group in range(GROUPS)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for place, abstract in enumerate(abstracts(options.data)):
        path = folders[place % GROUPS] / f"{abstract.id}.txt"
        path.write_text(f"{abstract.title}\n\n{abstract.text}\n", "utf-8")
    return folders


async def named(server: Served, name: str) -> str | None:
    page = await server.call("list", of="stores", limit=100)
    return next((store["id"] for store in page["data"] if store.get("name") == name), None)


async def attach(
    server: Served,
    store: str,
    paths: Sequence[str],
    attributes: Mapping[str, str | int],
    wait_seconds: int = 20,
) -> str:
    """Attach paths, calling again while the answer says that not all were uploaded; return the last batch."""
    while True:
        batch = await server.call(
            "batch_attach", vector_store_id=store, paths=list(paths), wait_seconds=wait_seconds, attributes=attributes
        )
        if not batch.get("not_uploaded"):
            return batch["id"]


async def finished(server: Served, store: str) -> None:
    """Wait until no file is in progress. Raises RuntimeError when one failed."""
    while True:
        state = await server.call("retrieve", vector_store_id=store, wait_seconds=50)
        if not state["file_counts"]["in_progress"]:
            break
    if state["file_counts"]["failed"]:
        raise RuntimeError(f"Files failed in {store}: {state['file_counts']}")
