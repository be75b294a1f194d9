"""A hostile name and a hostile text are planted everywhere, and found harmless in all that leaves.

The walks are complete: a tool, a resource, a prompt or a command that they do not know fails a test.
"""

import ast
import base64
import io
import json
import logging
import re
import zipfile
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import MCPError
from mcp.client import ClientRequestContext
from mcp.types import (
    BlobResourceContents,
    ElicitRequestParams,
    ElicitResult,
    PromptReference,
    ResourceTemplateReference,
    TextResourceContents,
)

import vectorstores_server.commands
from support import hostile
from support.checkout import ROOT
from support.clients import Caller, Era, connected, resource_text, text_of
from support.commands import Run
from support.engines import local
from support.hostile import TEXT, faults, faults_of_object, hostile_remote, name, taken_name
from support.local import settled
from support.log_rows import ENTRY, check_log, clean_rows
from support.serving import house
from support.v1_client import api_of
from support.wire import ACCEPT, HELLO, Wire
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http import access_log
from vectorstores_server.http.access_log import FinishedRequest
from vectorstores_server.system import logs
from vectorstores_tools.contract import errors, uris
from vectorstores_tools.contract.engine import Engine, NewFile, TextRequest
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.requests import FileAttach, StoreCreate
from vectorstores_tools.toolset import TOOL_NAMES

INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def on_disk(length: int) -> str:
    """A name as a file or an argument may have it."""
    return name(length, on_disk=True)


@dataclass(frozen=True, slots=True)
class Ids:
    """What was planted."""

    store: str
    file: str
    batch: str


@dataclass
class Seen:
    """What came out, by where it came out."""

    texts: dict[str, str] = field(default_factory=dict[str, str])
    objects: dict[str, object] = field(default_factory=dict[str, object])

    def faults(self) -> dict[str, list[str]]:
        """Return what is wrong, by place; it should be empty."""
        found = {place: list(faults(text)) for place, text in self.texts.items()}
        found |= {f"{place} (object)": list(faults_of_object(value)) for place, value in self.objects.items()}
        return {place: list(dict.fromkeys(wrong)) for place, wrong in found.items() if wrong}


async def once(data: bytes) -> AsyncGenerator[bytes]:
    yield data


async def plant(engine: Engine) -> Ids:
    """Fill an engine of ours with hostile things, up to the lengths that it takes."""
    attributes = {taken_name(60): taken_name(512), "name": taken_name(500)}
    described = {"name": taken_name(512), "description": TEXT[:2_000], "metadata": attributes}
    store = (await engine.create_store(StoreCreate.model_validate(described))).id
    contents = {taken_name(250) + ".md": TEXT.encode("utf-8", "ignore"), taken_name(250) + ".docx": broken_archive()}
    files = [(await engine.create_file(NewFile(named, once(data)))).id for named, data in contents.items()]
    attached = [FileAttach.model_validate({"file_id": file, "attributes": attributes}) for file in files]
    batch = await engine.create_batch(store, attached)
    assert isinstance(engine, LocalEngine)
    statuses = {item.id: item.status for item in await settled(engine, store)}
    assert [statuses[file] for file in files] == ["completed", "failed"]
    return Ids(store, files[0], batch.id)


def broken_archive() -> bytes:
    """A document whose members have hostile names and no meaning."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/" + on_disk(200), TEXT.encode("utf-8", "ignore"))
    return data.getvalue()


@asynccontextmanager
async def planted(kind: str, folder: Path) -> AsyncGenerator[tuple[Engine, Ids]]:
    if kind == "remote":
        async with hostile_remote() as engine:
            yield engine, Ids(hostile.STORE, hostile.FILE, hostile.BATCH)
    else:
        async with local(folder) as engine:
            yield engine, await plant(engine)


def calls(ids: Ids, path: str) -> dict[str, list[dict[str, Any]]]:
    """Return calls of every tool: with what was planted, and with hostile arguments; deletions come last."""
    at = {"vector_store_id": ids.store}
    evil: dict[str, Any] = {"vector_store_id": name(250)}
    return {
        "list": [
            {}, {"of": "files"}, at, {**at, "batch_id": ids.batch}, {**at, "filter": "failed"}, evil,
            {"after": name(250)}, {"order": name()}, {name(): 1},
        ],
        "retrieve": [
            at, {**at, "file_id": ids.file}, {**at, "batch_id": ids.batch}, {"file_id": ids.file}, evil,
            {"file_id": name(250)}, {**at, "batch_id": name(250)}, {**at, "file_id": name(250)},
        ],
        "search": [
            {"query": "keeper lamp", **at}, {"query": "keeper", **at, "response_format": "detailed"},
            {"query": "keeper", **at, "max_tokens": 200}, {"query": name(), **at}, {"query": name(900), **at},
            {"query": "keeper", "vector_store_id": [ids.store, name(250)]},
            {"query": "keeper", "filters": {name(): name()}},
            {"query": "keeper", **at, "filters": {"type": name(), "key": "a", "value": TEXT}},
            {"query": "keeper", **at, "filters": {"type": "eq", "key": "none", "value": name()}},
        ],
        "read": [
            {**at, "file_id": ids.file}, {"uri": uris.file(ids.store, ids.file, 3, 90)}, {"uri": name()},
            {**at, "file_id": name(250)}, {"file_id": ids.file, "page": 9}, {"uri": f"{uris.SCHEME}{name(300)}"},
            {"uri": uris.file(ids.store, ids.file) + f"?start={name(300)}"},
        ],
        "create_store": [
            {"name": taken_name(512), "description": TEXT[:2_000]}, {"name": name()}, {"metadata": {name(): name()}},
        ],
        "upload_file": [
            {"path": path, **at, "wait_seconds": 30}, {"text": TEXT[:300], "filename": taken_name(250) + ".md", **at},
            {"path": f"/{name()}"}, {"path": name()}, {"url": name()}, {"url": f"https://{name(300)}/"},
            {"file_id": name(250), **at}, {"text": "x", "purpose": name()}, {"text": "x", "filename": name()},
        ],
        "batch_attach": [
            {"paths": [str(Path(path).parent)], **at, "wait_seconds": 30}, {"paths": [name()], **at},
            {"file_ids": [name(250)], **at}, {"paths": [str(Path(path).parent / "*") + on_disk(50)], **at},
            {"file_ids": [ids.file], **evil},
        ],
        "update": [
            {**at, "name": taken_name(512)},
            {**at, "file_id": ids.file, "attributes": {taken_name(60): taken_name(512)}},
            {**at, "name": name()}, {**at, "clear": [name()]}, {**evil, "name": "x"},
        ],
        "cancel_batch": [{**at, "batch_id": ids.batch}, {**at, "batch_id": name(250)}],
        "delete": [
            {"what": "store", **at}, {"what": "file", "file_id": ids.file}, {"what": name()}, {"what": "store", **evil},
            {"what": "file_from_store", **at, "file_id": name(250)},
            {"what": "file", "file_id": ids.file, "confirm": True}, {"what": "store", **at, "confirm": True},
        ],
    }  # fmt: skip


async def walk_tools(caller: Caller, ids: Ids, seen: Seen) -> None:
    """Call everything; keep both renderings of each answer, and the messages of progress."""
    path = caller.write(on_disk(80) + ".md", "Another lamp.")

    async def report(progress: float, total: float | None, message: str | None) -> None:
        seen.texts[f"progress {len(seen.texts)}"] = message or ""
        assert len((message or "").splitlines()) <= 1

    for tool, arguments in calls(ids, path).items():
        for number, sent in enumerate(arguments):
            result = await caller.client.call_tool(tool, sent, progress_callback=report)
            seen.texts[f"{tool} {number}"] = text_of(result)
            seen.objects[f"{tool} {number}"] = result.structured_content
    unknown = await caller.client.call_tool(name(300), {})
    seen.texts["an unknown tool"] = text_of(unknown)


async def walk_resources(caller: Caller, ids: Ids, seen: Seen) -> None:
    """Read every resource, and what is none; ask for the prompt and for completions."""
    client = caller.client
    seen.objects["list of resources"] = (await client.list_resources()).model_dump(mode="json")
    read = {
        uris.FORMS[0]: uris.store(ids.store), uris.FORMS[1]: uris.files(ids.store),
        uris.FORMS[2]: uris.file(ids.store, ids.file), uris.FORMS[3]: uris.batch(ids.store, ids.batch),
        uris.FORMS[4]: uris.content(ids.file),
    }  # fmt: skip
    templates = (await client.list_resource_templates()).resource_templates
    assert {template.uri_template for template in templates} == set(read), "a resource that is not walked"
    for form, uri in read.items():
        (content,) = (await client.read_resource(uri)).contents
        if not isinstance(content, TextResourceContents):
            continue  # bytes as they were uploaded
        if content.mime_type == "application/json":
            seen.objects[form] = json.loads(content.text)
            assert list(faults_of_object(content.text, "text")) == []
        else:
            seen.texts[form] = content.text
            assert "keeper" in resource_text(content.text)
    for wrong in (
        uris.store(name(90)),
        uris.file(ids.store, name(90)),
        uris.content(name(90)),
        "vectorstore://a/b/c/d",
    ):
        await refused(seen, f"resource {wrong[:30]}", client.read_resource(wrong))
    prompts = [prompt.name for prompt in (await client.list_prompts()).prompts]
    assert prompts == ["ask_store"], "a prompt that is not walked"
    prompt = await client.get_prompt("ask_store", {"store": ids.store, "question": f"What?{name(90)}"})
    asked = prompt.messages[0].content
    assert asked.type == "text"
    assert list(faults_of_object(asked.text, "text")) == []
    seen.texts["the prompt's advice"] = asked.text.partition("Question: ")[0]
    await refused(seen, "the prompt", client.get_prompt("ask_store", {"store": name(90), "question": "What?"}))
    await refused(seen, "an unknown prompt", client.get_prompt(name(90), {}))
    for ref in (
        PromptReference(type="ref/prompt", name="ask_store"),
        ResourceTemplateReference(type="ref/resource", uri=uris.FORMS[2]),
    ):
        for argument in ("store", "vector_store_id", "file_id"):
            done = await client.complete(ref, {"name": argument, "value": "zqx"})
            seen.objects[f"completion of {argument}"] = done.completion.model_dump(mode="json")


async def refused(seen: Seen, place: str, request: Any) -> None:
    """Keep the protocol's error."""
    with pytest.raises(MCPError) as caught:
        await request
    seen.texts[f"{place}: error"] = caught.value.error.message
    assert len(caught.value.error.message.splitlines()) <= 1


@pytest.fixture
def entries() -> Generator[io.StringIO]:
    """All that is logged meanwhile, as our log writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.OneLine(logs.LINE))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.mark.parametrize("kind", ["local", "remote"])
async def test_every_answer_over_mcp_holds_hostile_words_harmlessly(
    kind: str, era: Era, tmp_path: Path, entries: io.StringIO
) -> None:
    seen = Seen()
    questions: list[str] = []

    async def person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        questions.append(params.message)
        return ElicitResult(action="decline")

    async with planted(kind, tmp_path) as (engine, ids):
        assert set(calls(ids, "")) == set(TOOL_NAMES), "a tool that is not walked"
        async with connected(engine, era, tmp_path / "files", elicitation_callback=person) as caller:
            for what in ({"what": "store", "vector_store_id": ids.store}, {"what": "file", "file_id": ids.file}):
                await caller.call("delete", **what)
        async with connected(engine, era, tmp_path / "files") as caller:
            await walk_resources(caller, ids, seen)
            await walk_tools(caller, ids, seen)
    assert len(questions) == 2
    seen.texts |= {f"question {number}": question for number, question in enumerate(questions)}
    assert all(len(question.splitlines()) == 1 and "zqx" in question for question in questions)
    assert seen.faults() == {}
    assert "zqx" in seen.texts["search 0"]
    assert "keeper" in seen.texts["search 0"]
    check_log(entries.getvalue())


COMMANDS: dict[str, Callable[[Ids, Path], list[list[str]]]] = {
    "add": lambda ids, folder: [
        ["--store", ids.store, str(folder)], ["--store", on_disk(100), str(folder)], [str(folder / on_disk(90))],
        ["--store", ids.store, f"https://{on_disk(90)}/"],
    ],
    "backup": lambda ids, folder: [[str(folder.parent / on_disk(90))], [str(folder)]],
    "restore": lambda ids, folder: [[str(folder.parent / on_disk(90))], [str(folder / on_disk(60))]],
    "config": lambda ids, folder: [["claude-code", "--data", str(folder / on_disk(60))], [on_disk(300)]],
    "doctor": lambda ids, folder: [
        [], ["--check"], ["--repair", "--yes"], ["--purge"], ["--data", str(folder / on_disk(60))],
    ],
    "eval": lambda ids, folder: [[ids.store, on_disk(300)], [on_disk(300), str(folder)]],
    "ls": lambda ids, folder: [[], [ids.store], [on_disk(300)]],
    "model": lambda ids, folder: [[on_disk(300)]],
    "reindex": lambda ids, folder: [[ids.store], [on_disk(300)]],
    "rm": lambda ids, folder: [
        [on_disk(300), "--yes"], [ids.file, "--store", ids.store], [ids.file], [ids.store],
        [ids.file, "--store", ids.store, "--yes"], [ids.file, "--yes"], [ids.store, "--yes"],
    ],
    "search": lambda ids, folder: [
        ["--store", ids.store, "keeper", "lamp"], ["--store", on_disk(300), "keeper"], ["keeper"],
        ["--store", ids.store, on_disk(300)],
    ],
    "serve": lambda ids, folder: [["--exclude-tools", on_disk(300)], ["--http", on_disk(300)]],
    "show": lambda ids, folder: [[ids.store], [ids.file], [on_disk(300)]],
    "sync": lambda ids, folder: [[ids.store, "--dry-run"], [on_disk(300)]],
    "watch": lambda ids, folder: [[on_disk(300)]],
    "open": lambda ids, folder: [[on_disk(300)]],
}  # fmt: skip
ORDER = [
    "add",
    "config",
    "doctor",
    "ls",
    "show",
    "search",
    "eval",
    "sync",
    "watch",
    "open",
    "model",
    "reindex",
    "backup",
    "restore",
    "serve",
    "rm",
]


def test_every_command_writes_hostile_words_harmlessly(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = {path.stem for path in Path(vectorstores_server.commands.__path__[0]).glob("*.py")} - {"__init__"}
    assert commands == set(COMMANDS) == set(ORDER), "a command that is not walked"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / (on_disk(80) + ".md")).write_text("A lamp.")
    (tmp_path / "files" / (on_disk(80) + ".jpg")).write_bytes(b"\xff")
    (tmp_path / "files" / "broken.docx").write_bytes(broken_archive())
    monkeypatch.setenv(f"VECTOR_STORES_{on_disk(60)}", "x")

    async def fill() -> Ids:
        async with local(tmp_path) as engine:
            return await plant(engine)

    ids = anyio.run(fill)
    seen = Seen()
    for command in ORDER:
        calls = COMMANDS[command](ids, tmp_path / "files")
        assert calls
        for number, arguments in enumerate(calls):
            try:
                _, out, err = run(command, *arguments)
            except SystemExit:
                out, err = capsys.readouterr()
            seen.texts |= {f"{command} {number} stdout": out, f"{command} {number} stderr": err}
            assert out or err, f"{command} {arguments} says nothing"
    assert seen.faults() == {}
    shown = "".join(seen.texts.values())
    assert "zqx" in seen.texts["ls 0 stdout"]
    assert "keeper" in seen.texts["search 0 stdout"]
    assert "\t" not in shown


async def test_v1_and_the_bytes_of_a_file_are_what_came_in(tmp_path: Path) -> None:
    async with local(tmp_path) as engine:
        assert isinstance(engine, LocalEngine)
        ids = await plant(engine)
        async with api_of(engine) as http, connected(engine, "auto", tmp_path / "files") as caller:
            shown = await json_of(http, f"/v1/vector_stores/{ids.store}")
            assert (shown["name"], shown["description"]) == (taken_name(512), TEXT[:2_000])
            assert (await json_of(http, f"/v1/files/{ids.file}"))["filename"] == taken_name(250) + ".md"
            attached = await json_of(http, f"/v1/vector_stores/{ids.store}/files/{ids.file}")
            assert attached["attributes"] == {taken_name(60): taken_name(512), "name": taken_name(500)}
            content = await http.get(f"/v1/files/{ids.file}/content")
            assert content.content == TEXT.encode("utf-8", "ignore")
            (blob,) = (await caller.client.read_resource(uris.content(ids.file))).contents
            assert isinstance(blob, BlobResourceContents)
            assert base64.b64decode(blob.blob) == content.content


async def json_of(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    reply = await http.get(path)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_cleaning_shifts_no_citation(tmp_path: Path) -> None:
    async with local(tmp_path) as engine, connected(engine, "auto", tmp_path / "files") as caller:
        store = await caller.store()
        await caller.add(store, "\u200b\u202e" * 40 + "\n\nThe keeper lights the lamp.\n\n" + "\U000e0041" * 30 + "end")
        hit = (await caller.call("search", query="keeper", vector_store_id=store, response_format="detailed"))["data"][
            0
        ]
        start, end = hit["chars"]
        piece = await engine.read_text(TextRequest(hit["file_id"], store, start=start, end=end))
        place = piece.text.index("The keeper")
        shown = await caller.call("read", uri=uris.file(store, hit["file_id"], start + place, start + place + 10))
        assert "The keeper" in shown["text"]
        assert (shown["start"], shown["end"]) == (start + place, start + place + 10)


@given(st.text(), st.text(), st.booleans())
def test_a_log_entry_is_one_line_and_a_traceback_is_set_in(message: str, cause: str, fails: bool) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.OneLine(logs.LINE))
    error = None
    if fails:
        error = (ValueError, ValueError(f"{cause}{name(300)}"), None)
    record = logging.LogRecord("a.b", logging.INFO, "", 0, "%s %s", (message, name()), error)
    handler.emit(record)
    rows = written.getvalue().splitlines()
    assert ENTRY.match(rows[0])
    assert all(row.startswith("  ") for row in rows[1:])
    assert clean_rows(written.getvalue()) == []
    assert len(rows[0]) <= logs.LONGEST


LINE_ENDS = (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")


@pytest.mark.parametrize("path", ["/mcp", "/sse"])
async def test_no_event_on_the_wire_holds_what_a_client_may_take_for_a_line_end(path: str, tmp_path: Path) -> None:
    async with local(tmp_path) as engine, house(engine, tmp_path) as served:
        ids = await plant(engine)
        async with httpx.AsyncClient(headers=ACCEPT, timeout=60, base_url=served.url) as http:
            wire = await (over_mcp if path == "/mcp" else over_sse)(http, uris.file(ids.store, ids.file))
    assert rb"\u2028" in wire
    assert b"keeper" in wire
    assert [end for end in LINE_ENDS if end in wire] == []


async def over_mcp(http: httpx.AsyncClient, uri: str) -> bytes:
    """The reply to reading a resource, as it comes over the wire."""
    wire = Wire(http, "/mcp")
    await wire.join()
    reply = await wire.post("resources/read", uri=uri)
    assert reply.headers["content-type"].startswith("text/event-stream")
    return reply.content


async def over_sse(http: httpx.AsyncClient, uri: str) -> bytes:
    wire, read = Wire(http, ""), b""
    messages = (wire.message("initialize", **HELLO), INITIALIZED, wire.message("resources/read", uri=uri))
    async with http.stream("GET", "/sse") as events:
        async for piece in events.aiter_raw():
            read += piece
            if not wire.url and (found := re.search(rb"event: endpoint\r\ndata: (\S+)", read)):
                wire.url = found[1].decode()
                await http.post(wire.url, json=messages[0])
            if b"serverInfo" in piece:
                for message in messages[1:]:
                    await http.post(wire.url, json=message)
            if b"keeper" in read:
                break
    return read


def test_the_access_log_is_one_line_of_json_whatever_a_client_sends(caplog: pytest.LogCaptureFixture) -> None:
    request = FinishedRequest(
        method=name(), path=name(), status=404, seconds=0.1, caller=name(), request_id="req_1", client=name()
    )
    with caplog.at_level(logging.INFO):
        access_log.write(request)
    entry = logs.OneLine("%(message)s").format(caplog.records[-1])
    fields = json.loads(entry)
    assert fields["path"].startswith("zqx")
    assert list(faults_of_object(fields)) == []
    assert len(entry) < 1_000


def test_only_the_terminal_writes_to_it() -> None:
    root = Path(vectorstores_server.commands.__path__[0]).parent
    writing = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"std(out|err)\.write|\bprint\(", path.read_text(encoding="utf-8"))
    }
    assert writing == {"cli.py", "console/terminal.py"}, "what cli.py writes is an error, or a sentence of its own"


def test_the_log_on_stderr_and_in_the_file_is_written_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    logs.configure("info", tmp_path / "log")
    handlers = list(root.handlers)
    root.setLevel(level)
    assert len(handlers) == 2
    assert all(isinstance(handler.formatter, logs.OneLine) for handler in handlers)
    for handler in handlers:
        handler.close()


ROOMS = ("tools/vectorstores_tools", "server/vectorstores_server/protocol", "server/vectorstores_server/console",
         "server/vectorstores_server/commands")  # fmt: skip
WORDS_OF_OTHERS = frozenset({"name", "description", "filename", "message", "title", "notes", "metadata", "attributes"})
CONTAINS = frozenset({"line", "sentence", "clean", "cleaned", "json_line"})
CONTAINED = CONTAINS | {"say", "warn", "fields", "table", "agrees", "MCPError"} | {
    kind.__name__ for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VectorStoreError)
}  # fmt: skip
"""What is passed to these is contained there."""
OF_OURS = frozenset({"self.name", "client.file.name", "target.name"})
"""The name of a fence, and names of files that no person sees: those of a backup and of a file half written."""


def uncontained(source: str) -> list[str]:
    """The places in a module where an f-string shows somebody's words as they are."""
    found: list[str] = []

    def walk(node: ast.AST, safe: bool) -> None:
        if isinstance(node, ast.Call):
            safe = safe or ast.unparse(node.func).rpartition(".")[2] in CONTAINED
        if isinstance(node, ast.FormattedValue) and not safe:
            shown = {f"{inner.lineno}: {ast.unparse(inner)}" for inner in shown_by(node.value)}
            found.extend(sorted(place for place in shown if place.partition(": ")[2] not in OF_OURS))
        for child in ast.iter_child_nodes(node):
            walk(child, safe)

    walk(ast.parse(source), False)
    return found


def shown_by(value: ast.AST) -> Iterator[ast.Attribute]:
    """The fields of an expression that hold somebody's words, but for those that go through a call."""
    if isinstance(value, ast.Attribute) and value.attr in WORDS_OF_OTHERS:
        yield value
    elif not isinstance(value, ast.Call):
        for child in ast.iter_child_nodes(value):
            yield from shown_by(child)


def test_an_f_string_that_shows_somebodys_words_is_found() -> None:
    assert uncontained('x = f"{store.name}"') == ["1: store.name"]
    assert uncontained('x = f"{store.name or store.id}"') == ["1: store.name"]
    assert uncontained('x = f"{line(store.name)} {store.id}"') == []
    assert uncontained('raise InvalidRequest(f"{store.name}", "")') == []


def test_no_f_string_on_the_way_out_shows_somebodys_words_as_they_are() -> None:
    root = ROOT
    modules = [path for room in ROOMS for path in (root / room).rglob("*.py")]
    assert len(modules) > 40
    found = {str(path.relative_to(root)): uncontained(path.read_text(encoding="utf-8")) for path in modules}
    assert {path: places for path, places in found.items() if places} == {}
