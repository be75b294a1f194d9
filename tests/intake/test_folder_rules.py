"""What a folder gives: whatever is text, but for what is ignored, secret, or nobody's writing."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clients import Caller
from support.code_pages import small_files
from support.engine_calls import NOISE
from support.surveys import names
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.engines.local.parsing import EXTENSIONS, FIRST_TYPES, NAMES, ParseFailure, type_of, types
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.remote.dialects import DIALECTS
from vectorstores_server.intake import exclusions
from vectorstores_server.intake.local_intake import MachineIntake, intake_for
from vectorstores_server.intake.text_files import LARGEST, decodes
from vectorstores_server.settings import settings_from

BUILT = [
    ("node_modules", None),
    ("__pycache__", None),
    *((folder, marker) for folder, markers in exclusions.BUILT_BESIDE.items() for marker in sorted(markers)),
]
WRITTEN_BY_TOOLS = (
    "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "npm-shrinkwrap.json", "bun.lock", "deno.lock", "Cargo.lock",
    "poetry.lock", "Pipfile.lock", "uv.lock", "pdm.lock", "composer.lock", "Gemfile.lock", "go.sum", "flake.lock",
    "mix.lock", "pubspec.lock", "Podfile.lock", "packages.lock.json", "gradle.lockfile", "Package.resolved",
    "app.min.js", "APP.MIN.JS", "theme.min.css", "app.min.mjs", "app.js.map", "theme.css.map",
)  # fmt: skip


def write(folder: Path, *names: str, data: bytes = b"words of somebody\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.fixture
def intake(tmp_path: Path, root: Path) -> MachineIntake:
    """The intake that a server over the local engine has."""
    engine = LocalEngine(tmp_path / "data", None)
    return intake_for(settings_from({"data": tmp_path / "data", "file_roots": (root,)}), engine.capabilities)


# Any text


@pytest.mark.parametrize("name", ["notes.xyz", "NOTES", "a.b.c", "deploy", "main.unheard-of", "config.d"])
async def test_a_file_of_any_type_is_taken_if_it_is_text(intake: MachineIntake, root: Path, name: str) -> None:
    write(root, name)
    write(root, f"{name}.raw", data=NOISE)
    survey = await intake.survey([str(root)], None)
    assert names(survey, root) == [name]
    assert (survey.skipped, survey.examples) == ({"unsupported type": 1}, {"unsupported type": [f"{name}.raw"]})


async def test_up_to_a_quarter_of_a_megabyte(intake: MachineIntake, root: Path) -> None:
    write(root, "fits.xyz", data=b"a" * LARGEST)
    write(root, "log.xyz", data=b"a" * (LARGEST + 1))
    write(root, "long.md", data=b"a" * (LARGEST + 1))
    write(root, "late.xyz", data=b"words\n" * 2_000 + b"\0\1\2")
    write(root, "empty.xyz", data=b"")
    survey = await intake.survey([str(root)], None)
    assert names(survey, root) == ["fits.xyz", "long.md"]
    assert survey.skipped == {"unsupported type": 2, "empty": 1}


async def test_what_is_ignored_hidden_or_linked_stays_out(intake: MachineIntake, root: Path) -> None:
    write(root, "a.xyz", "drop.xyz", ".hidden.xyz")
    (root / ".gitignore").write_text("drop.*\n")
    (root / "link.xyz").symlink_to(root / "a.xyz")
    survey = await intake.survey([str(root)], None)
    assert names(survey, root) == ["a.xyz"]
    assert survey.skipped == {"in .gitignore": 1, "hidden": 2, "symlink": 1}


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n",
        "notes\n-----BEGIN RSA PRIVATE KEY-----\nMII\n",
        "PuTTY-User-Key-File-3: ssh-ed25519\n",
        "aws_access_key_id = AKIA" + "Q" * 16 + "\n",
        "export TOKEN=ghp_" + "a" * 36 + "\n",
        "glpat-" + "a" * 20,
        "xoxb-" + "1" * 24,
    ],
)
async def test_what_looks_like_a_secret_stays_out_by_its_name_or_its_text(
    intake: MachineIntake, root: Path, secret: str
) -> None:
    write(root, "deploy", data=secret.encode())
    write(root, "server.pem", "secrets.yaml", "a.xyz")
    survey = await intake.survey([str(root)], None)
    assert names(survey, root) == ["a.xyz"]
    assert survey.examples == {"never read": ["deploy", "secrets.yaml", "server.pem"]}


def test_text_in_every_code_page_is_told_from_what_is_none() -> None:
    samples = small_files()
    assert samples
    for sample in samples:
        assert decodes(sample.data), (sample.language, sample.encoding)
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe\0\0", "utf-32-le")):
        assert decodes(mark + "Grüße, 世界".encode(encoding))
    for data in (NOISE, b"\xff\xfe\x00\xd8", b"%PDF-1.4 text", b"{\\rtf1 text}", b"GIF89a", bytes(range(256))):
        assert not decodes(data)


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_text_decodes_in_whole_and_in_its_beginning(text: str, encoding: str) -> None:
    data = f"# {text}".encode(encoding)
    assert decodes(data)
    assert all(decodes(data[:cut], whole=False) for cut in range(4, len(data), 7))


async def test_what_a_folder_gives_can_be_read(intake: MachineIntake, root: Path) -> None:
    """Nothing is taken for text that the parser then refuses."""
    for number, sample in enumerate(itertools.islice(small_files(), 0, None, 5)):
        write(root, f"{number}.xyz", data=sample.data)
    survey = await intake.survey([str(root)], None)
    assert survey.skipped == {}
    for origin in survey.origins:
        assert read_document(Path(origin), Path(origin).name).text.strip()


async def test_a_remote_is_given_the_types_that_it_knows(tmp_path: Path, root: Path) -> None:
    write(root, "a.md", "b.xyz")
    settings = settings_from({"data": tmp_path / "data", "file_roots": (root,)})
    for dialect in DIALECTS.values():
        assert names(await intake_for(settings, dialect.capabilities).survey([str(root)], None), root) == ["a.md"]


# What nobody wrote


@pytest.mark.parametrize("ignore", [None, "", "*.tmp\n"], ids=["no gitignore", "empty gitignore", "gitignore"])
@pytest.mark.parametrize(("folder", "marker"), BUILT)
async def test_what_is_built_is_left_out_and_counted(
    intake: MachineIntake, root: Path, folder: str, marker: str | None, ignore: str | None
) -> None:
    write(root, "read.md", f"{folder}/deep/made.md", f"{folder}/made.js")
    if marker:
        write(root, marker)
    if ignore is not None:
        (root / ".gitignore").write_text(ignore)
    survey = await intake.survey([str(root)], None)
    assert {name for name in names(survey, root) if "made" in name} == set()
    assert "read.md" in names(survey, root)
    assert survey.skipped[exclusions.REASON] == 1
    assert survey.examples[exclusions.REASON] == [folder]


@pytest.mark.parametrize("folder", sorted(exclusions.BUILT_BESIDE))
async def test_a_folder_of_that_name_is_somebodys_where_nothing_says_that_it_is_built(
    intake: MachineIntake, root: Path, folder: str
) -> None:
    write(root, f"{folder}/letter.md", f"other/{folder}/letter.md", "package.txt")
    survey = await intake.survey([str(root)], None)
    assert {f"{folder}/letter.md", f"other/{folder}/letter.md"} <= set(names(survey, root))
    assert exclusions.REASON not in survey.skipped


@pytest.mark.parametrize("called", ["venv", "virtualenv", "py311"])
async def test_a_virtual_environment_is_known_by_what_it_holds(intake: MachineIntake, root: Path, called: str) -> None:
    write(root, "read.md", f"{called}/pyvenv.cfg", f"{called}/lib/site.py")
    survey = await intake.survey([str(root)], None)
    assert (names(survey, root), survey.examples) == (["read.md"], {exclusions.REASON: [called]})


@pytest.mark.parametrize("ignore", [None, "*.tmp\n"])
@pytest.mark.parametrize("name", WRITTEN_BY_TOOLS)
async def test_lock_files_and_minified_ones_are_left_out_and_counted(
    intake: MachineIntake, root: Path, name: str, ignore: str | None
) -> None:
    write(root, "read.md", name, f"deep/{name}")
    if ignore is not None:
        (root / ".gitignore").write_text(ignore)
    survey = await intake.survey([str(root)], None)
    assert names(survey, root) == ["read.md"]
    assert survey.skipped[exclusions.REASON] == 2


@pytest.mark.parametrize("name", ["admin.js", "locksmith.md", "lock.py", "map.js", "blockchain.txt", "minutes.css"])
async def test_a_name_that_is_only_alike_is_taken(intake: MachineIntake, root: Path, name: str) -> None:
    write(root, name)
    assert names(await intake.survey([str(root)], None), root) == [name]


async def test_what_is_named_itself_is_taken_always(intake: MachineIntake, root: Path) -> None:
    write(root, "package.json", "build/a.md", "node_modules/b/readme.md", "yarn.lock", "py/pyvenv.cfg", "py/a.py")
    for named in ("yarn.lock", "build/a.md", "node_modules/b/readme.md", "py/pyvenv.cfg"):
        assert names(await intake.survey([str(root / named)], None), root) == [named]
    for folder, held in (("build", ["build/a.md"]), ("node_modules", ["node_modules/b/readme.md"])):
        assert names(await intake.survey([str(root / folder)], None), root) == held
    assert names(await intake.survey([str(root / "py")], None), root) == ["py/a.py", "py/pyvenv.cfg"]
    assert names(await intake.survey([str(root / "build" / "*.md")], None), root) == ["build/a.md"]


async def test_the_tool_counts_and_names_what_was_left_out(caller: Caller) -> None:
    store = await caller.store()
    caller.write("read.md", "Words.")
    caller.write("node_modules/left/index.js", "x")
    caller.write("yarn.lock", "x")
    done = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=50)
    assert (done["uploaded"], done["skipped"]) == (1, {exclusions.REASON: 2})
    assert done["skipped_examples"] == {exclusions.REASON: ["node_modules", "yarn.lock"]}


# Types that are not read


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("old.doc", "Save it as .docx"),
        ("old.ppt", "Save it as .pptx"),
        ("mail.msg", "Save the mail as .eml, .html or .txt"),
        ("letter.pages", "Save it as .docx"),
        ("sheet.numbers", "Save it as .xlsx"),
        ("talk.key", "Save it as .pptx"),
    ],
)
def test_a_type_that_is_not_read_has_a_sentence_that_says_what_to_do(tmp_path: Path, name: str, step: str) -> None:
    path = tmp_path / "stored"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(ParseFailure) as refused:
        read_document(path, name)
    assert refused.value.code == "unsupported_file"
    assert step in refused.value.message
    assert name in refused.value.message
    assert {word.rstrip(",") for word in step.split() if word.startswith(".")} <= EXTENSIONS


# What an upgrade brings


def test_each_type_has_a_name_of_its_own() -> None:
    assert {type_of(f"a{ending.upper()}") for ending in EXTENSIONS} == EXTENSIONS
    assert {type_of(name.title()) for name in NAMES} == NAMES
    assert types() > FIRST_TYPES
    assert {type_of(name) for name in ("a.xyz", "deploy", "a.gif", "x")} == {"*"}
