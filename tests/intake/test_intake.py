import hashlib
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from support.engine_calls import NOISE
from support.surveys import names
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.intake.folders import FileCriteria, matches
from vectorstores_server.intake.local_intake import MachineIntake, intake_for
from vectorstores_server.intake.text_files import LARGEST
from vectorstores_server.settings import settings_from
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed, TooLarge

TYPES = frozenset({".md", ".txt", ".py"})


@pytest.fixture
def intake(tmp_path: Path, root: Path) -> MachineIntake:
    return MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 1_000_000), roots=[root])


def write(folder: Path, *names: str, text: str = "words") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


async def read(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_a_folder_is_walked_in_a_stable_order_and_what_is_passed_over_is_counted(
    intake: MachineIntake, root: Path
) -> None:
    write(root, "b.md", "a/z.txt", "a/deep/x.py", ".hidden.md", ".git/config.txt", "photo.jpg", "server.key.md")
    write(root, "private.pem", "credentials-prod.json")
    write(root, "nothing.txt", text="")
    (root / "link.md").symlink_to(root / "b.md")
    os.mkfifo(root / "pipe.md")

    survey = await intake.survey([str(root)], None)

    assert names(survey, root) == ["b.md", "server.key.md", "a/z.txt", "a/deep/x.py"]
    assert survey.skipped == {
        "hidden": 2,
        "unsupported type": 1,
        "never read": 2,
        "empty": 1,
        "symlink": 1,
        "not a regular file": 1,
    }
    assert survey.examples == {
        "unsupported type": ["photo.jpg"],
        "never read": ["credentials-prod.json", "private.pem"],
        "empty": ["nothing.txt"],
        "symlink": ["link.md"],
        "not a regular file": ["pipe.md"],
    }


async def test_of_what_is_passed_over_the_first_five_are_named(intake: MachineIntake, root: Path) -> None:
    write(root, "a.md", *(f"deep/{number}.jpg" for number in range(7)))

    survey = await intake.survey([str(root)], None)

    assert survey.skipped == {"unsupported type": 7}
    assert survey.examples == {"unsupported type": [f"deep/{number}.jpg" for number in range(5)]}


@pytest.mark.parametrize(
    ("name", "taken"),
    [("Report.PDF", True), ("Makefile", True), ("LICENSE", True), ("photo.png", False), ("data.bin", False)],
)
async def test_a_walk_takes_what_the_engine_can_parse_going_by_the_name(
    tmp_path: Path, root: Path, name: str, taken: bool
) -> None:
    engine = LocalEngine(tmp_path / "data", None)
    (root / name).write_bytes(NOISE)
    survey = await intake_for(
        settings_from({"data": tmp_path / "data", "file_roots": (root,)}), engine.capabilities
    ).survey([str(root)], None)
    assert names(survey, root) == [name] * taken


async def test_gitignore_files_hold_below_their_folder_and_the_nearest_decides(
    intake: MachineIntake, root: Path
) -> None:
    write(root, "keep.md", "drop.md", "build/out.md", "sub/drop.md", "sub/other.txt", "sub/keep.txt")
    write(root, ".gitignore", text="drop.md\nbuild/\n*.txt\n")
    write(root, "sub/.gitignore", text="!drop.md\n!keep.txt\n")

    survey = await intake.survey([str(root)], None)

    assert names(survey, root) == ["keep.md", "sub/drop.md", "sub/keep.txt"]
    assert survey.skipped["in .gitignore"] == 3


async def test_a_gitignore_may_begin_with_a_byte_order_mark(intake: MachineIntake, root: Path) -> None:
    write(root, "a.md", "b.txt")
    (root / ".gitignore").write_bytes(b"\xef\xbb\xbfa.md\r\n")
    assert names(await intake.survey([str(root)], None), root) == ["b.txt"]


@pytest.mark.parametrize("written", ["'{}'", '"{}"', "`{}`", ' "{}" ', '"file://{}"', "\"'{}'\""])
async def test_a_path_in_quotes_is_read_without_them(intake: MachineIntake, root: Path, written: str) -> None:
    write(root, "a.md")
    path = written.format(root / "a.md")
    assert names(await intake.survey([path], None), root) == ["a.md"]
    async with intake.open(path, None) as source:
        assert source.filename == "a.md"


async def test_a_folder_inside_a_repository_obeys_the_gitignore_above_it(intake: MachineIntake, root: Path) -> None:
    write(root, ".git/HEAD", "docs/a.md", "docs/generated.md")
    write(root, ".gitignore", text="generated.md\n")

    survey = await intake.survey([str(root / "docs")], None)

    assert names(survey, root) == ["docs/a.md"]


async def test_a_gitignore_that_is_a_link_is_not_followed(intake: MachineIntake, root: Path, tmp_path: Path) -> None:
    write(tmp_path, "outside", text="a.md\n")
    write(root, "a.md")
    (root / ".gitignore").symlink_to(tmp_path / "outside")

    assert names(await intake.survey([str(root)], None), root) == ["a.md"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", ["top.md"]),
        ("**/*.md", ["top.md", "docs/a.md", "docs/deep/b.md"]),
        ("docs/*", ["docs/a.md"]),
        ("docs/**", ["docs/a.md", "docs/deep/b.md"]),
        ("d*/d*/?.md", ["docs/deep/b.md"]),
    ],
)
async def test_a_glob_names_files(intake: MachineIntake, root: Path, pattern: str, expected: list[str]) -> None:
    write(root, "top.md", "docs/a.md", "docs/deep/b.md", "docs/photo.jpg")

    survey = await intake.survey([f"{root}/{pattern}"], None)

    assert names(survey, root) == expected


def test_two_stars_match_no_folder_too() -> None:
    assert matches(("a.md",), ("**", "*.md"))
    assert not matches(("x", "a.md"), ("*.md",))


async def test_a_name_with_brackets_that_exists_is_no_glob(intake: MachineIntake, root: Path) -> None:
    write(root, "notes [1].md")

    assert names(await intake.survey([str(root / "notes [1].md")], None), root) == ["notes [1].md"]


async def test_a_glob_without_a_match_is_an_error(intake: MachineIntake, root: Path) -> None:
    with pytest.raises(InvalidRequest, match="No file matches"):
        await intake.survey([f"{root}/*.md"], None)


async def test_what_is_named_twice_comes_once(intake: MachineIntake, root: Path) -> None:
    write(root, "a.md", "b.md")

    survey = await intake.survey([str(root / "b.md"), str(root), (root / "a.md").as_uri()], None)

    assert names(survey, root) == ["b.md", "a.md"]


async def test_a_file_that_is_named_itself_may_have_any_type(intake: MachineIntake, root: Path) -> None:
    write(root, "Makefile")

    assert names(await intake.survey([str(root / "Makefile")], None), root) == ["Makefile"]


async def test_a_relative_path_is_an_error_that_names_the_roots(intake: MachineIntake, root: Path) -> None:
    with pytest.raises(InvalidRequest, match="relative") as caught:
        await intake.survey(["docs/a.md"], None)
    assert str(root) in str(caught.value)


async def test_a_tilde_is_the_home_directory(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    write(root, "a.md", ".ssh/notes.md", "Library/x.md")
    intake = MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 1_000_000))

    survey = await intake.survey(["~"], None)

    assert names(survey, root) == ["a.md"]
    assert survey.skipped == {"hidden": 1, "never read": 1}


async def test_the_operators_roots_come_before_the_clients_and_those_before_the_home_directory(
    tmp_path: Path, root: Path, intake: MachineIntake, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, client = tmp_path / "home", tmp_path / "client"
    monkeypatch.setenv("HOME", str(home))
    write(home, "h.md")
    write(client, "c.md")
    free = MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 1_000_000))

    assert len((await free.survey([str(home)], None)).origins) == 1
    assert len((await free.survey([str(client)], [client])).origins) == 1
    for refusing, path, roots in ((free, home, [client]), (free, home, []), (intake, client, [client])):
        with pytest.raises(NotAllowed):
            await refusing.survey([str(path)], roots)


@pytest.mark.parametrize("how", ["plainly", "through ..", "through a link", "although it does not exist"])
async def test_a_path_outside_the_roots_is_refused(intake: MachineIntake, root: Path, tmp_path: Path, how: str) -> None:
    write(tmp_path, "outside/secret.md")
    (root / "way").symlink_to(tmp_path / "outside")
    path = {
        "plainly": tmp_path / "outside/secret.md",
        "through ..": root / ".." / "outside/secret.md",
        "through a link": root / "way/secret.md",
        "although it does not exist": tmp_path / "outside/nothing.md",
    }[how]

    with pytest.raises(NotAllowed, match="outside the folders that may be read") as caught:
        await intake.survey([str(path)], None)
    assert str(root) in str(caught.value)
    with pytest.raises(NotAllowed):
        async with intake.open(str(path), None):
            pass


@pytest.mark.parametrize(
    "name", [".env", ".env.local", "id_rsa", "ID_RSA.pub", "tls.KEY", "credentials.json", ".x/a.md"]
)
async def test_secrets_and_hidden_files_are_refused_even_by_name(intake: MachineIntake, root: Path, name: str) -> None:
    write(root, name)

    with pytest.raises(NotAllowed, match="may not be read"):
        await intake.survey([str(root / name)], None)
    with pytest.raises(NotAllowed, match="may not be read"):
        async with intake.open(str(root / name), None):
            pass


async def test_a_root_may_lie_below_a_hidden_folder(tmp_path: Path) -> None:
    root = tmp_path / ".notes"
    write(root, "a.md")
    intake = MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 1_000_000), roots=[root])

    assert names(await intake.survey([str(root)], None), root) == ["a.md"]


async def test_the_servers_own_data_is_never_read(root: Path) -> None:
    write(root, "data/blobs/a.md", "b.md")
    intake = MachineIntake(data=root / "data", wanted=FileCriteria(TYPES, 1_000_000), roots=[root])

    survey = await intake.survey([str(root)], None)

    assert names(survey, root) == ["b.md"]
    assert survey.skipped == {"never read": 1}
    with pytest.raises(NotAllowed):
        await intake.survey([str(root / "data/blobs/a.md")], None)


async def test_too_many_files_is_an_error_that_names_the_sub_folders(tmp_path: Path, root: Path) -> None:
    write(root, "a/1.md", "a/2.md", "a/x/3.md", "b/4.md", "5.md")
    intake = MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 1_000_000), roots=[root], max_files=4)

    with pytest.raises(TooLarge) as caught:
        await intake.survey([str(root)], None)
    assert f"{root}/a (3), {root}/b (1)" in str(caught.value)


async def test_an_open_file_is_hashed_and_streamed(intake: MachineIntake, root: Path) -> None:
    write(root, "big.md", text="0123456789" * 60_000)

    async with intake.open(str(root / "big.md"), None) as source:
        content = await read(source.stream)

    assert content == (root / "big.md").read_bytes()
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    assert (source.filename, source.origin, source.size) == ("big.md", str(root / "big.md"), 600_000)


async def test_a_file_that_grows_while_it_is_read_is_the_one_that_was_hashed(intake: MachineIntake, root: Path) -> None:
    write(root, "log.txt", text="first")

    async with intake.open(str(root / "log.txt"), None) as source:
        write(root, "log.txt", text="first and second")
        content = await read(source.stream)

    assert hashlib.sha256(content).hexdigest() == source.sha256


async def test_a_fifo_a_socket_and_a_folder_are_refused_without_waiting(intake: MachineIntake, root: Path) -> None:
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening, anyio.fail_after(5):
        listening.bind(str(root / "socket"))
        for name, sentence in {
            "pipe": "not a regular file",
            "socket": "not a regular file",
            "folder": "is a folder",
            "missing": "There is no file",
        }.items():
            with pytest.raises(InvalidRequest, match=sentence):
                async with intake.open(str(root / name), None):
                    pass
        with pytest.raises(InvalidRequest, match="not a regular file"):
            await intake.survey([str(root / "pipe")], None)


async def test_a_link_is_refused_though_it_stays_inside(intake: MachineIntake, root: Path) -> None:
    write(root, "a.md")
    (root / "link.md").symlink_to(root / "a.md")

    with pytest.raises(InvalidRequest, match="symbolic link"):
        await intake.survey([str(root / "link.md")], None)
    with pytest.raises(InvalidRequest, match="symbolic link"):
        async with intake.open(str(root / "link.md"), None):
            pass


async def test_a_folder_that_became_a_link_after_the_survey_is_refused_at_opening(
    intake: MachineIntake, root: Path, tmp_path: Path
) -> None:
    write(root, "docs/a.md")
    write(tmp_path, "outside/a.md", text="secret")
    [origin] = (await intake.survey([str(root)], None)).origins
    (root / "docs").rename(root / "was")
    (root / "docs").symlink_to(tmp_path / "outside")

    with pytest.raises(NotAllowed, match="outside"):
        async with intake.open(origin, None):
            pass


async def test_empty_and_oversized_files_are_refused(tmp_path: Path, root: Path) -> None:
    write(root, "empty.md", text="")
    write(root, "large.md", text="x" * 11)
    intake = MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 10), roots=[root])

    with pytest.raises(InvalidRequest, match="is empty"):
        async with intake.open(str(root / "empty.md"), None):
            pass
    with pytest.raises(TooLarge, match="11 bytes; at most 10"):
        async with intake.open(str(root / "large.md"), None):
            pass
    assert (await intake.survey([str(root)], None)).skipped == {"empty": 1, "too large": 1}


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
async def test_an_unreadable_file_is_said_to_be_one(intake: MachineIntake, root: Path) -> None:
    write(root, "a.md")
    (root / "a.md").chmod(0)

    with pytest.raises(NotAllowed, match="permission denied"):
        async with intake.open(str(root / "a.md"), None):
            pass


async def test_where_no_folder_is_allowed_the_error_says_who_can_change_that(tmp_path: Path) -> None:
    intake = MachineIntake(data=tmp_path / "data", wanted=FileCriteria(TYPES, 10), roots=[])

    with pytest.raises(NotAllowed, match="VECTOR_STORES_FILE_ROOTS"):
        await intake.survey(["/etc/hosts"], [Path("/etc")])


@pytest.mark.parametrize("any_text", [True, False])
@pytest.mark.parametrize("most", [10, 2 * LARGEST])
async def test_each_size_of_a_known_and_an_unknown_type_is_taken_or_counted_by_its_reason(
    tmp_path: Path, root: Path, most: int, any_text: bool
) -> None:
    def reason(*, known: bool, size: int) -> str | None:
        if not known and (not any_text or size > LARGEST):
            return "unsupported type"
        return "too large" if size > most else None if size else "empty"

    sizes = (0, 10, 11, LARGEST, LARGEST + 1, 2 * LARGEST, 2 * LARGEST + 1)
    files = [(f"{size}{ending}", ending == ".md", size) for size in sizes for ending in (".md", ".unheard-of")]
    for name, _, size in files:
        write(root, name, text="x" * size)
    intake = MachineIntake(tmp_path / "data", FileCriteria(TYPES, most, any_text=any_text), roots=[root])
    survey = await intake.survey([str(root)], None)
    reasons = {name: reason(known=known, size=size) for name, known, size in files}
    assert set(names(survey, root)) == {name for name in reasons if reasons[name] is None}
    assert survey.skipped == Counter(why for why in reasons.values() if why is not None)
    listing = await intake.walk(str(root))
    assert {Path(path).name: stat.size for path, stat in listing.files.items()} == {
        name: size for name, _, size in files if reasons[name] is None
    }
