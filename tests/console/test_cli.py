import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from rich.cells import cell_len

from support.commands import Run, lock_held
from support.noted import guessed
from support.served import MODULE, served
from support.v1_client import change
from vectorstores_server import cli
from vectorstores_server.console.terminal import table
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.system import posix
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.requests import PageRequest

pytestmark = pytest.mark.process


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tides.md").write_text("# Tides\n\n## Cause\n\nThe moon moves the tides twice a day.\n", encoding="utf-8")
    (folder / "birds.md").write_text("# Birds\n\nGannets dive from thirty metres.\n", encoding="utf-8")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


def test_add_makes_the_store_and_search_finds_with_a_citation(run: Run, notes: Path) -> None:
    code, out, _ = run("add", "--store", "sea", notes)

    assert code == 0
    assert "Made the store sea (vs_" in out
    assert "Passed over: 1 unsupported type (photo.jpg)" in out
    assert "2 completed, 0 unchanged, 0 failed" in out
    assert "words" in out.split("Adding")[0], "that there is no model is said when the store is made"
    code, out, _ = run("search", "what", "moves", "the", "tides?")
    assert code == 0
    assert "tides.md, Tides > Cause, lines 3-5" in out
    assert "vectorstore://vs_" in out
    assert "The moon moves the tides twice a day." in out


def test_search_shows_copies_once_and_names_the_others(run: Run, notes: Path) -> None:
    (notes / "copy.md").write_text((notes / "tides.md").read_text(encoding="utf-8"), encoding="utf-8")
    run("add", "--store", "sea", notes)
    _, out, _ = run("search", "what moves the tides")
    assert out.count("The moon moves the tides") == 1
    assert "also in copy.md" in out or "also in tides.md" in out


def test_ls_and_doctor_say_which_stores_are_being_brought_up_to_date(run: Run, notes: Path, tmp_path: Path) -> None:
    run("add", "--store", "sea", notes)
    with closing(sqlite3.connect(tmp_path / "data" / "catalog.db")) as db, db:
        db.execute("UPDATE store_table SET format = 1")
    with lock_held(tmp_path / "data" / "worker.lock"):
        for command in ("ls", "doctor"):
            assert "being brought up to date, 0 of 2 files so far" in run(command)[1]


def test_adding_again_takes_only_what_changed(run: Run, notes: Path) -> None:
    run("add", "--store", "sea", notes)
    (notes / "birds.md").write_text("# Birds\n\nPuffins dig burrows.\n", encoding="utf-8")

    _, out, _ = run("add", notes)

    assert "1 completed, 1 unchanged, 0 failed" in out
    assert "Puffins dig burrows." in run("search", "puffins")[1]
    assert "Gannets" not in run("search", "gannets thirty metres")[1]


def test_an_encoding_that_a_person_states_is_used_in_place_of_a_guess(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "towns.csv"
    table.write_bytes("town\nGyőr\n".encode("iso8859-2"))
    (tmp_path / "here.txt").write_text("Łódź", encoding="utf-8")

    assert "2 completed" in run("add", "--store", "s", tmp_path)[1]
    assert "Győr" not in run("search", "town")[1]
    assert "1 completed, 1 unchanged" in run("add", "--encoding", "iso-8859-2", tmp_path)[1]
    assert "Győr" in run("search", "town")[1]
    code, _, err = run("add", "--encoding", "ascii", table)
    assert (code, "is not in ascii" in err) == (1, True)
    assert "iso-8859-2" in run("add", "--encoding", "hex", table)[2]


def test_a_path_that_a_person_types_is_its_own_root(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "a.txt").write_text("words", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VECTOR_STORES_FILE_ROOTS", "")

    assert "1 completed" in run("add", "--store", "s", ".hidden/a.txt")[1]
    assert "1 unchanged" in run("add", "--store", "s", ".hidden")[1]
    assert "1 unchanged" in run("add", "--store", "s", ".hidden/*.txt")[1]


def test_a_file_that_fails_is_named_and_the_others_are_added(run: Run, notes: Path) -> None:
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 and then nothing of the kind")

    code, out, err = run("add", "--store", "sea", notes)

    assert code == 1
    assert "2 completed, 0 unchanged, 1 failed" in out
    assert "Failed: " in err
    assert "broken.pdf" in err
    assert "broken.pdf" in run("ls", "sea")[1]


def test_a_file_that_failed_before_is_named_again_until_it_is_mended(run: Run, notes: Path) -> None:
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 and then nothing of the kind")
    run("add", "--store", "sea", notes)

    code, out, err = run("add", "--store", "sea", notes)

    assert code == 1
    assert "1 file that failed before is tried again" in out
    assert "0 completed, 2 unchanged, 1 failed" in out
    assert "broken.pdf" in err
    (notes / "broken.pdf").unlink()
    assert run("add", "--store", "sea", notes)[0] == 0


def test_files_that_a_former_run_left_in_progress_are_waited_for(run: Run, notes: Path, tmp_path: Path) -> None:
    run("add", "--store", "sea", notes / "tides.md")
    with lock_held(tmp_path / "data" / "worker.lock"):
        anyio.run(ingest_only, tmp_path / "data", notes)
    (notes / "new.md").write_text("Krill.", encoding="utf-8")

    code, out, _ = run("add", "--store", "sea", notes)

    assert code == 0
    assert "1 file of a former run is still in progress" in out
    assert "2 completed, 1 unchanged, 0 failed" in out
    assert "0 in progress" in run("show", "sea")[1]


async def ingest_only(data: Path, folder: Path) -> None:
    """Do what an `add` does that is interrupted before anything is indexed."""
    engine = LocalEngine(data, None)
    [store] = (await engine.list_stores(PageRequest())).data
    intake = MachineIntake(data, FileCriteria(frozenset({".md"}), 1_000_000), roots=[folder])

    async def sources() -> AsyncIterator[Source]:
        for origin in (await intake.survey([str(folder)], None)).origins:
            async with intake.open(origin, None) as source:
                yield source

    ingested = await engine.attach_sources(store.id, sources(), AttachOptions())
    await engine.aclose()
    assert (ingested.uploaded, ingested.unchanged) == (1, 1)


def test_a_link_that_is_named_is_said_to_be_one(run: Run, notes: Path) -> None:
    (notes / "link.md").symlink_to(notes / "tides.md")

    code, _, err = run("add", "--store", "sea", notes / "link.md")

    assert code == 1
    assert "link.md' is a symbolic link. Name the file that it points to." in err


@pytest.mark.parametrize("name", [".env", "id_rsa", "server.pem", "credentials-prod.json"])
def test_a_file_of_keys_is_refused_though_it_is_named(run: Run, notes: Path, name: str) -> None:
    (notes / name).write_text("secret", encoding="utf-8")

    code, out, err = run("add", "--store", "sea", notes / name)

    assert (code, out) == (1, "")
    assert "may not be read: its name is one that files with keys and passwords have." in err


def test_without_a_store_the_only_one_is_meant_and_several_are_an_error(run: Run, notes: Path) -> None:
    assert "There is no store yet." in run("search", "x")[2]
    run("add", "--store", "one", notes)
    run("add", "--store", "two", notes)

    code, out, err = run("search", "tides")

    assert (code, out) == (1, "")
    assert re.fullmatch("vector-stores-mcp: There are 2 stores: (one, two|two, one). Name one with --store.\n", err)


def test_ls_and_show_tell_about_stores_and_files(run: Run, notes: Path) -> None:
    assert "There is no store yet" in run("ls")[1]
    run("add", "--store", "sea", notes)

    [heading, row] = run("ls")[1].splitlines()
    assert heading.split() == ["ID", "NAME", "STATUS", "FILES", "INDEX", "CREATED"]
    store_id = row.split()[0]
    files = [line.split() for line in run("ls", "sea")[1].splitlines()[1:]]
    assert {(name, status) for _, name, status, *_ in files} == {("tides.md", "completed"), ("birds.md", "completed")}
    assert "2: 2 completed, 0 in progress" in run("show", store_id)[1]
    birds = next(file[0] for file in files if file[1] == "birds.md")
    assert f"in store  sea ({store_id}), completed" in run("show", birds)[1]
    assert run("show", "birds.md") == run("show", birds)


def test_add_ls_and_show_tell_the_notes_on_a_file(run: Run, tmp_path: Path) -> None:
    sample = guessed()
    (tmp_path / sample.name).write_bytes(sample.data)

    out = run("add", "--store", "sea", tmp_path / sample.name)[1]
    assert f"1 file has notes; `ls` shows them all:\n  {sample.name}: {sample.notes[0]}\n" in out
    assert run("ls", "sea")[1].splitlines()[1].endswith(sample.notes[0])
    assert f"note      {sample.notes[0]}\n" in run("show", sample.name)[1]

    assert "notes" not in run("add", "--store", "lake", "--encoding", "windows-1250", tmp_path / sample.name)[1]


def test_show_tells_why_a_file_failed_and_what_to_look_at_where_nothing_has_the_name(run: Run, notes: Path) -> None:
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 and then nothing of the kind")
    run("add", "--store", "sea", notes)

    assert re.search(r"in store  sea \(vs_\w+\), failed: .*broken\.pdf", run("show", "broken.pdf")[1])
    for nothing in ("file-nope", "nope.md"):
        sentence = f"There is no store and no file '{nothing}'. `vector-stores-mcp ls` lists the stores, and"
        assert run("show", nothing)[2].startswith(f"vector-stores-mcp: {sentence}")


def test_files_of_one_name_are_told_apart_by_their_ids(run: Run, notes: Path) -> None:
    (notes / "sub").mkdir()
    (notes / "sub" / "tides.md").write_text("Other tides.", encoding="utf-8")
    run("add", "--store", "sea", notes)

    code, _, err = run("show", "tides.md")

    assert code == 1
    assert re.search(r"2 files are called 'tides\.md'\. Name one by its id: file-\w+, file-\w+\.", err)
    assert "2 files are called" in run("rm", "tides.md", "--store", "sea")[2]


def test_rm_asks_first_and_without_a_terminal_deletes_nothing(run: Run, notes: Path) -> None:
    run("add", "--store", "sea", notes)
    file_id = run("ls", "sea")[1].splitlines()[1].split()[0]

    assert run("rm", "sea")[2] == "vector-stores-mcp: Nothing was deleted. Answer y, or pass --yes.\n"
    assert run("rm", file_id, "--yes")[:2] == (0, f"Deleted {file_id}. It is gone from 1 store: sea.\n")
    assert len(run("ls", "sea")[1].splitlines()) == 2
    assert run("rm", "sea", "--yes")[0] == 0
    assert "There is no store 'sea'" in run("rm", "sea", "--yes")[2]


def test_rm_takes_a_file_out_of_one_store_and_keeps_it(run: Run, notes: Path) -> None:
    run("add", "--store", "sea", notes)
    run("add", "--store", "land", notes / "birds.md")

    code, out, _ = run("rm", "birds.md", "--store", "sea", "--yes")

    assert code == 0
    assert re.match("Took file-[^ ]+ out of sea. It stays uploaded", out)
    assert len(run("ls", "sea")[1].splitlines()) == 2
    assert "birds.md" in run("ls", "land")[1]
    assert "There is no file 'birds.md' in 'sea'." in run("rm", "birds.md", "--store", "sea", "--yes")[2]


def test_rm_does_not_delete_a_file_for_its_name(run: Run, notes: Path) -> None:
    run("add", "--store", "sea", notes)

    code, _, err = run("rm", "birds.md", "--yes")

    assert code == 1
    assert "There is no store 'birds.md', but 1 file of that name. With --store STORE" in err
    assert len(run("ls", "sea")[1].splitlines()) == 3


def test_a_long_name_is_shortened_to_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("ID", "NAME", "FILES"), ("vs_1", "n" * 190, "3")]
    table(rows, gives_way=1)
    assert "n" * 190 in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")

    table(rows, gives_way=1)

    heading, row = capsys.readouterr().out.splitlines()
    assert len(heading) == len("vs_1") + 2 + 48 + 2 + 5 - 1
    assert (len(row), row[-4:]) == (56, "…  3")


def test_columns_are_aligned_by_what_a_terminal_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A character of Chinese takes two places, a mark above a letter none."""
    table([("NAME", "FILES"), ("報告書", "1"), ("re\u0301sume\u0301", "2"), ("plain", "3")], gives_way=0)
    rows = capsys.readouterr().out.splitlines()
    assert [cell_len(row[: row.index(str(number))]) for number, row in enumerate(rows[1:], start=1)] == [8, 8, 8]

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    table([("NAME", "FILES", "STATE"), ("書" * 40, "1", "a sentence of many words " * 4)], gives_way=0)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) > 3, "the sentence goes on"
    assert all(cell_len(row) <= 46 for row in shown)


def test_search_shows_the_words_of_the_question_where_they_stand(run: Run, notes: Path) -> None:
    words = "There is nothing to be seen in this part of the harbour. " * 8
    (notes / "long.md").write_text(f"{words}The zeppelin was moored at the pier. {words}", encoding="utf-8")
    run("add", "--store", "sea", notes)

    shown = run("search", "where", "was", "the", "zeppelin", "moored")[1]
    assert "The zeppelin was moored at the pier." in " ".join(shown.split())


def test_what_a_search_could_not_see_is_said(run: Run, notes: Path) -> None:
    (notes / "broken.pdf").write_bytes(b"%PDF-1.4 and then nothing of the kind")
    run("add", "--store", "sea", notes)

    assert "1 file was not searched: failed" in run("search", "tides")[1]


def test_names_cannot_write_to_the_terminal(run: Run, notes: Path) -> None:
    (notes / "a\x1b[2Jb.md").write_text("The red \x1b[31mword", encoding="utf-8")
    run("add", "--store", "sea\x1b[31m", notes)

    shown = "".join(run(*command)[1] for command in (["ls"], ["ls", "sea\x1b[31m"], ["search", "red"]))
    assert "a[2Jb.md" in shown
    assert "\x1b" not in shown


def test_reindex_builds_anew_and_says_how_many(run: Run, notes: Path) -> None:
    run("add", "--store", "sea", notes)

    assert run("reindex", "sea")[:2] == (0, "Rebuilt the index of 1 store.\n")
    assert "tides.md" in run("search", "tides")[1]


def test_reindex_says_where_there_is_nothing_to_do(run: Run) -> None:
    assert run("reindex")[1].startswith("There was nothing to rebuild.")


def test_doctor_tells_where_things_are(run: Run, tmp_path: Path, notes: Path) -> None:
    assert "not made yet" in run("doctor")[1]
    run("add", "--store", "sea", notes)

    code, out, _ = run("doctor")

    assert code == 0
    assert str(tmp_path / "data") in out
    assert "1 with 2 files, 0 of them in progress" in out
    assert re.search(
        r"memory +1 store can be searched in it, about [\d.]+ \w+ of at most [\d.]+ MB in each server", out
    )
    assert "in each server" not in run("doctor", "--resident-mb", "0")[1]
    assert "nobody works now" in out
    assert run("doctor", "--purge")[:2] == (0, "Deleted data is erased from the disk.\n")


def test_doctor_names_attributes_that_filters_take_for_facts_of_the_file(run: Run, tmp_path: Path, notes: Path) -> None:
    run("add", "--store", "sea", notes)
    assert "filters take" not in run("doctor")[1]

    change(tmp_path / "data", "INSERT INTO attribute SELECT id, store_id, '$path', 'string', 'x', 1 FROM attachment")

    assert "$path: filters take these names for the file's own" in run("doctor")[1]


def test_doctor_fails_where_the_model_that_is_asked_for_is_missing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("doctor", "--embedder", "minilm", "--embedder-path", tmp_path / "nothing")

    assert code == 1
    assert "vector-stores-mcp model install" in out


def test_doctor_asks_the_remote(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_BACKEND", "remote")
    monkeypatch.setenv("VECTOR_STORES_REMOTE_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("VECTOR_STORES_REMOTE_API_KEY", "sk-planted-key")

    code, out, _ = run("doctor")

    assert code == 1
    assert "remote, http://127.0.0.1:9/v1, dialect auto" in out
    assert "cannot be reached" in out
    assert "sk-planted" not in out


def test_config_names_the_secrets_that_it_leaves_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER_API_KEY", "sk-planted-key")

    code, out, err = run("config", "cursor")

    assert code == 0
    assert "Left out, as a secret: VECTOR_STORES_EMBEDDER_API_KEY." in err
    assert "sk-planted" not in out + err


def test_the_holder_of_a_lock_is_known_to_others(tmp_path: Path) -> None:
    path = tmp_path / "worker.lock"
    assert posix.lock_owner(path) is None
    sqlite3.connect(path).close()
    with lock_held(path) as holder:
        assert posix.lock_owner(path) == holder
    assert posix.lock_owner(path) is None


def test_config_prints_absolute_paths_and_what_was_set_but_no_key(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECTOR_STORES_EMBEDDER_API_KEY", "sk-secret")
    monkeypatch.delenv("VECTOR_STORES_OCR_PAGES")

    code, out, err = run("config", "claude-desktop", "--file-root", tmp_path, "--url-host", "a.org", "--read-only")

    assert code == 0
    [server] = json.loads(out)["mcpServers"].values()
    assert Path(server["command"]).is_absolute()
    assert server["env"] == {
        "VECTOR_STORES_DATA": str(tmp_path / "data"),
        "VECTOR_STORES_EMBEDDER": "none",
        "VECTOR_STORES_FILE_ROOTS": str(tmp_path),
        "VECTOR_STORES_READ_ONLY": "true",
        "VECTOR_STORES_URL_HOSTS": "a.org",
    }
    assert "claude_desktop_config.json" in err
    assert "sk-secret" not in out + err


def test_config_writes_beside_the_clients_other_servers_after_a_backup(run: Run, tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    before = '{"mcpServers": {"other": {"command": "x"}}, "theme": "dark"}'
    file.write_text(before, encoding="utf-8")

    assert run("config", "cursor", "--write")[0] == 0

    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["theme"] == "dark"
    assert set(written["mcpServers"]) == {"other", "vector-stores"}
    [backup] = file.parent.glob("mcp.json.*.bak")
    assert backup.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("content", ["{ // a comment\n", "[]", '{"mcpServers": []}'])
def test_config_does_not_touch_a_file_that_it_does_not_understand(run: Run, tmp_path: Path, content: str) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(content, encoding="utf-8")

    code, out, err = run("config", "cursor", "--write")

    assert code == 1
    assert "Paste the block above into it by hand." in err
    assert "vector-stores" in json.loads(out)["mcpServers"]
    assert file.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("argv", [["fly"], ["add"], ["--fly"], ["config", "emacs"], ["search", "--results", "x", "q"]])
def test_wrong_arguments_are_told_with_code_2(run: Run, argv: Sequence[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(*argv)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--results", "0", "tides"], "--results is 0. It takes 1 to 50."),
        (["--results", "51", "tides"], "--results is 51. It takes 1 to 50."),
        ([" "], "The question is empty. Write some words."),
        (["x" * 8_001], "The question has 8,001 characters. Write one of at most 8,000."),
    ],
)
def test_a_value_out_of_its_range_is_told_in_the_words_of_the_command_line(
    run: Run, argv: Sequence[str], sentence: str
) -> None:
    assert run("search", *argv) == (1, "", f"vector-stores-mcp: {sentence}\n")


@pytest.mark.slow
async def test_ctrl_c_stops_add_and_the_same_command_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(15):
        (folder / f"{number}.md").write_text(f"# Part {number}\n\n" + "Words of all kinds. " * 300, encoding="utf-8")
    arguments = ["add", "--store", "s", str(folder)]

    with anyio.fail_after(180):
        async with served(tmp_path, arguments=arguments) as adding:
            while "Made the store" not in await adding.line():
                pass
            adding.process.send_signal(signal.SIGINT)
            assert await adding.process.wait() == cli.INTERRUPTED
            said = adding.stderr.read_text(encoding="utf-8")
            assert "Traceback" not in said
            assert said.endswith("the same command goes on.\n")
        async with served(tmp_path, arguments=arguments) as again:
            rest = "\n".join(await again.rest())
            assert await again.process.wait() == 0
    counts = re.search(r"(\d+) completed, (\d+) unchanged, 0 failed", rest)
    assert counts is not None
    assert sum(map(int, counts.groups())) == 15


def test_a_misspelt_variable_is_named_by_every_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTOR_STORES_URLHOSTS", "a.org")

    code, _, err = run("ls")

    assert code == 0
    assert err == (
        "vector-stores-mcp: VECTOR_STORES_URLHOSTS is not a setting; did you mean VECTOR_STORES_URL_HOSTS?\n"
    )


def test_the_version_is_told_by_the_module_too() -> None:
    told = subprocess.run([*MODULE, "--version"], check=True, capture_output=True, text=True)
    assert told.stdout.startswith("vector-stores-mcp 0.")


def test_the_command_line_tells_files_of_one_name_apart(run: Run, tmp_path: Path) -> None:
    folder, paths = tmp_path / "notes", ("api/index.ts", "web/index.ts")
    for path in paths:
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(f"walrus of the {path[:3]}", encoding="utf-8")
    assert run("add", "--store", "sea", folder)[0] == 0
    _, listed, _ = run("ls", "sea")
    _, found, _ = run("search", "walrus")
    assert all(path in listed and path in found for path in paths)
    file_id = next(word for word in listed.split() if word.startswith("file-"))
    _, shown, _ = run("show", file_id)
    fields = dict(row.split(maxsplit=1) for row in shown.splitlines())
    assert fields["path"] in paths
    assert fields["source"] == str(folder / fields["path"])
