"""Small files of no known type: read once, for as long as the disk says the same of them."""

import os
import tempfile
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from support.engine_calls import NOISE
from vectorstores_server.intake.files import stat_of
from vectorstores_server.intake.text_files import FilesRead, why_not_text
from vectorstores_tools.contract.intake import SETTLED_NS

TEXT, OTHER_TEXT, PROGRAM = b"words of somebody", b"words of somebody else", b"\x00 of no body at all"[:17]
LONG_AGO = 1_700_000_000_000_000_000


def write(path: Path, data: bytes, modified_ns: int) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(modified_ns, modified_ns))


def asked(read: FilesRead, path: Path) -> str | None:
    return read.why_not_text(str(path), stat_of(path.stat()))


def test_what_the_disk_says_is_unchanged_is_not_read_again(tmp_path: Path) -> None:
    read, path = FilesRead(), tmp_path / "notes"
    write(path, TEXT, LONG_AGO)
    assert asked(read, path) is None
    write(path, PROGRAM, LONG_AGO)  # the same size, time and inode: only reading could tell
    assert asked(read, path) is None
    assert asked(FilesRead(), path) == "unsupported type"


def test_what_changed_just_now_or_cannot_be_read_is_not_remembered(tmp_path: Path) -> None:
    read, path = FilesRead(), tmp_path / "notes"
    just_now = time.time_ns() + SETTLED_NS
    write(path, TEXT, just_now)
    assert asked(read, path) is None
    write(path, PROGRAM, just_now)
    assert asked(read, path) == "unsupported type"
    stat = stat_of(path.stat())
    path.unlink()
    assert read.why_not_text(str(path), stat) == "unreadable"


def test_only_so_many_are_remembered_the_last_asked_for_longest(tmp_path: Path) -> None:
    read = FilesRead(most=2)
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        write(path, TEXT, LONG_AGO)
    for path in (paths[0], paths[1], paths[0], paths[2]):
        asked(read, path)
    for path in paths:
        write(path, PROGRAM, LONG_AGO)
    assert [asked(read, path) for path in (paths[0], paths[2], paths[1])] == [None, None, "unsupported type"]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from((TEXT, OTHER_TEXT, PROGRAM, NOISE)), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_is_written_the_answer_is_that_of_reading(writes: list[tuple[str, bytes, bool]]) -> None:
    read = FilesRead()
    with tempfile.TemporaryDirectory() as folder:
        for n, (name, data, beside) in enumerate(writes):
            path = Path(folder, name)
            if beside:  # as editors save
                write(Path(folder, "new"), data, LONG_AGO + n)
                Path(folder, "new").replace(path)
            else:
                write(path, data, LONG_AGO + n)
            assert [asked(read, path), asked(read, path)] == [why_not_text(path)] * 2
