"""The parser's child process: its limits, what ends it, and that the next file is read all the same."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import psutil
import pytest
from anyio import to_process

import vectorstores_server.__main__ as console
from support import samples
from support.checkout import TESTS
from support.processes import child_of, gone
from vectorstores_server.engines.local.parsing import ParseFailure
from vectorstores_server.engines.local.parsing.parser_process import ParseLimits, ParserProcess

FRESH_LOOPS = True

pytestmark = pytest.mark.process


class Hasty(ParseLimits):
    """Half a second by the clock for what is large, and the usual time for a note."""

    def time_allowance(self, size: int) -> float:
        return 0.5 if size > 1_000 else super().time_allowance(size)


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux has")


@pytest.fixture
async def parser() -> AsyncIterator[ParserProcess]:
    parser = ParserProcess()
    yield parser
    await parser.end_child()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note"
    path.write_text("# Title\r\nwords", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.write_slow_xlsx(tmp_path_factory.mktemp("slow") / "slow")


async def refused(parser: ParserProcess, path: Path, name: str) -> ParseFailure:
    with pytest.raises(ParseFailure) as caught:
        await parser.parse(path, name)
    return caught.value


async def test_a_document_comes_out_of_the_child(parser: ParserProcess, note: Path) -> None:
    document = await parser.parse(note, "note.md")
    assert document.text == "# Title\nwords"
    assert document.title == "Title"


async def test_large_text_comes_out_whole(parser: ParserProcess, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_text("zeile für zeile\n" * 300_000, encoding="utf-8")
    document = await parser.parse(path, "large.txt")
    assert document.text == "zeile für zeile\n" * 300_000


async def test_a_refusal_comes_out_and_the_next_file_is_read(parser: ParserProcess, note: Path, tmp_path: Path) -> None:
    path = tmp_path / "locked"
    path.write_bytes(samples.pdf_bytes(["text"], locked=True))
    failure = await refused(parser, path, "locked.pdf")
    assert failure.code == "invalid_file"
    assert failure.message.startswith("locked.pdf is encrypted.")
    assert (await parser.parse(note, "note.md")).title == "Title"


async def test_a_missing_file_is_a_server_error(parser: ParserProcess, tmp_path: Path) -> None:
    failure = await refused(parser, tmp_path / "gone", "gone.txt")
    assert failure.code == "server_error"


async def test_a_file_that_takes_too_long_is_refused_and_the_next_is_read(slow: Path, note: Path) -> None:
    parser = ParserProcess(Hasty())
    with anyio.fail_after(30):
        failure = await refused(parser, slow, "slow.xlsx")
    assert failure.code == "invalid_file"
    assert failure.message == "slow.xlsx took too long to read. Split it, or save it again more simply."
    assert (await parser.parse(note, "note.md")).title == "Title"
    await parser.end_child()


@linux_only
async def test_cpu_time_is_limited_whatever_the_clock_allows(slow: Path) -> None:
    parser = ParserProcess(ParseLimits(cpu_seconds=0.5, cpu_seconds_per_megabyte=0, budget=100))
    with anyio.fail_after(60), pytest.raises(ParseFailure, match="took too long"):
        await parser.parse(slow, "slow.xlsx")


@linux_only
async def test_each_file_has_its_own_cpu_time(note: Path, tmp_path: Path) -> None:
    parser = ParserProcess(ParseLimits(cpu_seconds=1.0, cpu_seconds_per_megabyte=0, budget=100))
    path = samples.write_slow_xlsx(tmp_path / "w", rows=2000)
    for _ in range(5):
        await parser.parse(path, "w.xlsx")
    with anyio.fail_after(30):
        await parser.parse(note, "note.md")
    await parser.end_child()


@linux_only
async def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_is_read(note: Path, tmp_path: Path) -> None:
    parser = ParserProcess(ParseLimits(memory_bytes=300 << 20))
    path = tmp_path / "large"
    path.write_bytes("日本語の文章\n".encode("utf-16") * 5_000_000)
    failure = await refused(parser, path, "large.txt")
    assert failure.code == "invalid_file"
    assert "memory" in failure.message
    assert (await parser.parse(note, "note.md")).title == "Title"
    await parser.end_child()


@linux_only
async def test_a_crash_of_the_parser_is_a_refusal_and_the_next_file_is_read(
    parser: ParserProcess, slow: Path, note: Path
) -> None:
    await parser.parse(note, "note.md")

    async def crash() -> None:
        (await child_of(os.getpid(), busy_for=0.7)).send_signal(signal.SIGSEGV)

    async with anyio.create_task_group() as group:
        group.start_soon(crash)
        failure = await refused(parser, slow, "slow.xlsx")
        assert failure.code == "invalid_file"
        assert "broke off while it read slow.xlsx" in failure.message
    assert (await parser.parse(note, "note.md")).title == "Title"


@linux_only
async def test_a_crash_in_a_run_of_files_tells_nothing_of_them_and_each_is_read_alone(
    parser: ParserProcess, slow: Path, note: Path
) -> None:
    async def crash() -> None:
        (await child_of(os.getpid(), busy_for=0.7)).send_signal(signal.SIGSEGV)

    async with anyio.create_task_group() as group:
        group.start_soon(crash)
        assert await parser.parse_run([(note, "note.md"), (slow, "slow.xlsx")]) == [None, None]
    assert (await parser.parse(note, "note.md")).title == "Title"


async def test_a_run_gives_the_documents_that_there_are(parser: ParserProcess, note: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(b"\x00\x01\x02" * 99)
    files = [(note, "note.md"), (noise, "noise.txt"), (tmp_path / "gone", "gone.txt"), (note, "note.txt")]
    made = await parser.parse_run(files)
    assert [data is None for data in made] == [False, True, True, False]
    assert made[0] == (await parser.parse(note, "note.md")).dumps()
    assert made[3] == (await parser.parse(note, "note.txt")).dumps()


async def test_a_child_that_was_ended_while_it_waited_is_replaced(parser: ParserProcess, note: Path) -> None:
    await parser.parse(note, "note.md")
    for process in psutil.Process().children():
        if "anyio.to_process" in process.cmdline():
            process.kill()
    assert (await parser.parse(note, "note.md")).title == "Title"


async def test_cancelling_kills_the_child_at_once(parser: ParserProcess, slow: Path, note: Path) -> None:
    scope = anyio.CancelScope()

    async def parse() -> None:
        with scope:
            await parser.parse(slow, "slow.xlsx")

    async with anyio.create_task_group() as group:
        group.start_soon(parse)
        child = await child_of(os.getpid())
        scope.cancel()
        with anyio.fail_after(5):
            await gone(child)
    assert (await parser.parse(note, "note.md")).title == "Title"


async def test_cancelling_while_the_child_starts_leaves_nothing_behind(parser: ParserProcess, note: Path) -> None:
    with anyio.move_on_after(0.01):
        await parser.parse(note, "note.md")
    assert (await parser.parse(note, "note.md")).title == "Title"


async def test_files_wait_for_each_other(parser: ParserProcess, note: Path) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(parser.parse, note, "note.md")
    assert len([process for process in psutil.Process().children() if "anyio.to_process" in process.cmdline()]) == 1


async def test_ending_the_child_gives_its_memory_back(note: Path) -> None:
    parser = ParserProcess()
    await parser.parse(note, "note.md")
    (child,) = (process for process in psutil.Process().children() if "anyio.to_process" in process.cmdline())
    await parser.end_child()
    await parser.end_child()
    with anyio.fail_after(10):
        await gone(child)
    assert (await parser.parse(note, "note.md")).title == "Title"
    await parser.end_child()


@linux_only
async def test_what_c_code_prints_does_not_reach_the_results() -> None:
    with anyio.fail_after(10):
        for _ in range(2):
            assert await to_process.run_sync(samples.print_from_c) == "the result"


PARENT = """
import sys
from pathlib import Path
import anyio
from anyio import to_process
from vectorstores_server.engines.local.parsing.parser_process import ParserProcess
from support import samples

sys.modules["__main__"].__file__ = sys.argv[1]  # what the console script's child would import

async def main():
    parser = ParserProcess()
    await parser.parse(Path(sys.argv[2]), sys.argv[3])
    print(*await to_process.run_sync(samples.loaded_modules))
    await parser.end_child()

anyio.run(main)
"""


def parent_command(path: Path, name: str) -> list[str]:
    return [sys.executable, "-c", PARENT, str(console.__file__), str(path), name]


def parent_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(TESTS)}


def test_the_child_imports_nothing_but_the_parser_that_it_needs(note: Path) -> None:
    done = subprocess.run(
        parent_command(note, "note.md"), env=parent_environment(), capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert "vectorstores_server.engines.local.parsing.markdown" in modules
    heavy = {"mcp", "pydantic", "lancedb", "pyarrow", "numpy", "onnxruntime", "tokenizers", "httpx", "sqlite3"}
    parsers = {"pypdfium2", "openpyxl", "python_calamine", "selectolax", "chardet", "xml.etree.ElementTree"}
    assert modules.isdisjoint(heavy | parsers)


@linux_only
async def test_the_child_ends_with_its_parent_even_in_the_middle_of_a_file(slow: Path) -> None:
    parent = await anyio.open_process(parent_command(slow, "slow.xlsx"), env=parent_environment())
    async with parent:
        child = await child_of(parent.pid)
        parent.kill()
        await parent.wait()
        with anyio.fail_after(5):
            await gone(child)
