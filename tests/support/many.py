"""Several processes on one data directory, and what must be true of it afterwards.

As a program it prints what it did, and a line `wrong: ...` for each thing that is not as it must be:
  many.py work DIRECTORY SECONDS    four processes at work on a new data directory
  many.py check DIRECTORY           the index of a data directory against its catalog
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from support.checkout import TESTS
from support.local import Words, opened, settled, store
from support.many_child import AttachOptions, sources, version
from vectorstores_server.engines.local.catalog import reconciliation
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.index import Index
from vectorstores_tools.contract.requests import StoreFilesRequest

if TYPE_CHECKING:
    from vectorstores_tools.contract.models import Page, VectorStoreFile

ROLES = ("add:one", "add:two", "change", "search")


@dataclass(slots=True)
class Report:
    """What the processes said."""

    added: dict[str, str] = field(default_factory=dict[str, str])
    removed: set[str] = field(default_factory=set[str])
    versions: int = 0
    searches: int = 0
    wrong: list[str] = field(default_factory=list[str])

    def take(self, line: str) -> None:
        what, _, rest = line.partition(" ")
        if what == "added":
            file, word = rest.split()
            self.added[file] = word
        elif what == "removed":
            self.removed.add(rest)
        elif what == "version":
            self.versions = int(rest)
        elif what == "searches":
            self.searches = int(rest)
        elif what == "saw":
            self.wrong.append(rest)


async def begin(directory: Path) -> str:
    """Make a store that holds the first version of the changing file."""
    async with opened(directory, Words()) as engine:
        id = await store(engine)
        await engine.attach_sources(id, sources(version(0)), AttachOptions())
        await settled(engine, id)
    return id


async def work_together(directory: Path, id: str, seconds: float) -> Report:
    """Run one process a role, all at once."""
    report = Report()

    async def one(role: str) -> None:
        command = [sys.executable, "-m", "support.many_child", str(directory), id, role, str(seconds)]
        ended = await anyio.run_process(command, stderr=None, cwd=TESTS)
        for line in ended.stdout.decode().splitlines():
            report.take(line)

    with anyio.fail_after(seconds + 180):
        async with anyio.create_task_group() as tasks:
            for role in ROLES:
                tasks.start_soon(one, role)
    return report


async def problems(directory: Path, id: str, report: Report) -> list[str]:
    """Let the rest be built, and name what is lost, there twice, stuck or left over."""
    async with opened(directory, Words()) as engine:
        await settled(engine, id, seconds=180)
        files: list[VectorStoreFile] = []
        page: Page[VectorStoreFile] | None = None
        while page is None or page.has_more:
            after = page.last_id if page else None
            page = await engine.list_store_files(id, StoreFilesRequest(limit=100, after=after))
            files += page.data
    there = [file.id for file in files]
    found = [f"{file.id} is {file.status}" for file in files if file.status != "completed"]
    found += [f"{file} is lost" for file in report.added if file not in there and file not in report.removed]
    found += [f"{file} was removed" for file in there if file in report.removed]
    found += [f"{len(there)} files, {len(set(there))} different"] if len(there) != len(set(there)) else []
    # A process may have been ended between an addition and its line; the changing file is the one that is not new.
    unknown = len(set(there) - report.added.keys())
    found += [f"{unknown} files that nobody added"] if not 1 <= unknown <= 3 else []
    found += [f"a search saw {wrong}" for wrong in report.wrong]
    return found + await index_problems(directory)


async def index_problems(directory: Path) -> list[str]:
    """Name the revisions whose rows are not what the catalog says."""
    catalog, index = SqliteCatalog(directory), Index(directory / "index")
    found: list[str] = []
    for table in await index.tables():
        rows = await index.revs(table)
        buried = await catalog.read(reconciliation.buried_revs, table)
        expected = await catalog.read(reconciliation.live_rows, table)
        found += [
            f"revision {rev} has {rows.get(rev, 0)} rows, not {n}" for rev, n in expected.items() if rows.get(rev) != n
        ]
        found += [f"revision {rev} has rows and no owner" for rev in rows if rev not in buried | expected.keys()]
    await catalog.aclose()
    await index.aclose()
    return found


async def main(command: str, directory: Path, seconds: float = 0) -> int:
    if command == "check":
        found = await index_problems(directory)
    else:
        id = await begin(directory)
        report = await work_together(directory, id, seconds)
        found = await problems(directory, id, report)
        sys.stdout.write(
            f"{len(ROLES)} processes, {seconds:.0f} s: {len(report.added)} files added, {len(report.removed)} removed, "
            f"{report.versions} versions of one file, {report.searches} searches\n"
        )
    for problem in found:
        sys.stdout.write(f"wrong: {problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(anyio.run(main, sys.argv[1], Path(sys.argv[2]), *map(float, sys.argv[3:])))
