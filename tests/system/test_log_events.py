"""The log can be counted: each entry is an event of a stable name, which the docs list, and shows no secret."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.checkout import ROOT
from support.hostile import faults
from support.source_trees import source_trees
from vectorstores_server.http import access_log
from vectorstores_server.http.access_log import FinishedRequest
from vectorstores_server.system.logs import JsonLine, OneLine, configure, event

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
WRITES = {"exception": "error", "log": "info"}
"""What is written at another level than the method's name says; the one `log` is the access log's."""
SECRET = re.compile(r"key$|token|secret|password|authorization|headers|credential", re.IGNORECASE)
OF_THE_LINE = {"time", "level", "logger", "event", "message", "traceback"}


@dataclass(frozen=True)
class Entry:
    """One call that logs, as it is written in the source."""

    place: str
    level: str
    message: ast.expr
    event: ast.Call | None
    values: tuple[ast.expr, ...]

    @property
    def name(self) -> str:
        assert self.event is not None
        assert isinstance(self.event.args[0], ast.Constant)
        return str(self.event.args[0].value)


def entries(tree: ast.Module, place: str = "") -> Iterator[Entry]:
    """Every call of a logger, with the event that is made for it just before or inside it."""
    for block in _blocks(tree):
        for number, statement in enumerate(block):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and _logs(statement.value):
                call = statement.value
                method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
                message, *values = call.args[method == "log" :]
                made = _event_of(call, block[:number])
                yield Entry(f"{place}:{call.lineno}", WRITES.get(method, method), message, made, tuple(values))


def _blocks(module: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(module):
        for _, field in ast.iter_fields(node):
            if isinstance(field, list):
                block = [part for part in cast("list[object]", field) if isinstance(part, ast.stmt)]
                if block:
                    yield block


def _event_of(call: ast.Call, before: list[ast.stmt]) -> ast.Call | None:
    """The call of `event` in `extra`, or in what was last assigned to the name that is given as `extra`."""
    extra = next((word.value for word in call.keywords if word.arg == "extra"), None)
    if isinstance(extra, ast.Name):
        bound = [s.value for s in before if isinstance(s, ast.Assign) and _binds(s, extra.id)]
        extra = bound[-1] if bound else None
    return extra if isinstance(extra, ast.Call) and ast.unparse(extra.func) == "event" else None


def _logs(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS:
        return False
    logger = call.func.value
    of_a_name = isinstance(logger, ast.Name) and logger.id in ("log", "logger", "logging")
    return of_a_name or (isinstance(logger, ast.Call) and ast.unparse(logger.func) == "logging.getLogger")


def _binds(statement: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)


@cache
def every_entry() -> list[Entry]:
    found = [entry for path, tree in source_trees() for entry in entries(tree, str(path.relative_to(ROOT)))]
    assert len(found) > 30
    return found


def test_no_call_that_logs_is_overlooked() -> None:
    calls = [
        node for _, tree in source_trees() for node in ast.walk(tree) if isinstance(node, ast.Call) and _logs(node)
    ]
    assert len(calls) == len(every_entry())


def test_every_entry_is_an_event_with_a_constant_sentence() -> None:
    assert [entry.place for entry in every_entry() if entry.event is None] == []
    assert [entry.place for entry in every_entry() if not isinstance(entry.message, ast.Constant)] == []
    assert [e.place for e in every_entry() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", e.name)] == []


def test_an_event_has_one_level_and_no_field_hides_one_of_the_line() -> None:
    levels: dict[str, set[str]] = {}
    for entry in every_entry():
        assert entry.event is not None
        levels.setdefault(entry.name, set()).add(entry.level)
        assert not OF_THE_LINE & {str(word.arg) for word in entry.event.keywords}, entry.place
    assert {name: found for name, found in levels.items() if len(found) > 1} == {}


def test_no_entry_formats_what_may_be_a_secret() -> None:
    shown = {
        f"{entry.place}: {name}"
        for entry in every_entry()
        for value in (*entry.values, *(entry.event.keywords if entry.event else ()))
        for node in ast.walk(value)
        if SECRET.search(name := _name_of(node))
    }
    assert shown == set()


def _name_of(node: ast.AST) -> str:
    match node:
        case ast.Name(name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            return name
        case _:
            return ""


def test_the_docs_list_each_event_with_its_level_and_fields() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").partition("## Events of the log")[2]
    listed: dict[str, tuple[str, set[str]]] = {}
    for names, level, fields in re.findall(r"^\| (`.+?`) \| (\w+) \| (.*?) ?\| .+ \|$", page, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            listed[name] = (level, set(re.findall(r"`(\w+)`", fields)))
    written: dict[str, tuple[str, set[str]]] = {}
    for entry in every_entry():
        fields = {str(word.arg) for word in entry.event.keywords} if entry.event else set[str]()
        written.setdefault(entry.name, (entry.level, set()))[1].update(fields)
    request = written["request"]
    assert request == ("info", {"None"}), "its fields are those of a request"
    written["request"] = ("info", {*_fields_of_a_request()})
    listed["answer_unreadable"] = (listed["answer_unreadable"][0], set())
    assert listed == written


def _fields_of_a_request() -> dict[str, Any]:
    record = _record(FinishedRequest("GET", "/x", 500, 0.1, "anybody", "req_1", error="OSError"))
    return record.__dict__["fields"]


def _record(request: FinishedRequest) -> logging.LogRecord:
    seen: list[logging.LogRecord] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    logger, handler = logging.getLogger(access_log.__name__), Keep()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        access_log.write(request)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return seen[0]


def test_the_check_finds_an_entry_without_an_event() -> None:
    source = (
        'log.warning("x")\nlog.info("y", extra=event("done", n=1))\n'
        'if a:\n  b\nelse:\n  extra = event("late")\n  log.error("z", extra=extra)\n'
    )
    bare, named, later = entries(ast.parse(source))
    assert (bare.event, named.name, later.name, later.level) == (None, "done", "late", "error")


@given(st.text(), st.dictionaries(st.sampled_from(["store", "path"]), st.text() | st.integers() | st.none()))
def test_an_entry_of_json_is_one_clean_object_whatever_it_quotes(text: str, fields: dict[str, Any]) -> None:
    record = logging.LogRecord("a.b", logging.WARNING, __file__, 1, "It says %s", (text,), None)
    record.__dict__.update(event("odd_text", **fields))
    written = JsonLine().format(record)
    entry = json.loads(written)
    assert len(written.splitlines()) == 1
    assert entry.keys() == OF_THE_LINE - {"traceback"} | fields.keys()
    assert (entry["event"], entry["level"], entry["logger"]) == ("odd_text", "warning", "a.b")
    assert [fault for value in entry.values() for fault in faults(str(value))] == []


def test_a_traceback_is_inside_the_object() -> None:
    error = LookupError("nothing\nhere")
    record = logging.LogRecord("a", logging.ERROR, __file__, 1, "Failed", (), (LookupError, error, None))
    entry = json.loads(JsonLine().format(record))
    assert "LookupError: nothing" in entry["traceback"]
    assert entry["event"] == "library", "what is not ours has an event too"


def test_an_entry_of_text_names_its_event_before_the_sentence() -> None:
    record = logging.LogRecord("a", logging.WARNING, __file__, 1, "Work is paused for %d s", (10,), None)
    assert OneLine().format(record).endswith("WARNING a: library: Work is paused for 10 s")
    record.__dict__.update(event("worker_paused", seconds=10))
    assert OneLine().format(record).endswith("WARNING a: worker_paused: Work is paused for 10 s")


def test_the_form_is_chosen_for_stderr_and_the_file_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    configure("info", tmp_path / "log", "json")
    handlers = list(root.handlers)
    logging.getLogger("x").warning("Full", extra=event("connections_full", open=3, refused=1))
    root.setLevel(level)
    for handler in handlers:
        handler.close()
    assert len(handlers) == 2
    assert all(isinstance(handler.formatter, JsonLine) for handler in handlers)
    entry = json.loads((tmp_path / "log").read_text(encoding="utf-8"))
    assert (entry["event"], entry["open"], entry["refused"]) == ("connections_full", 3, 1)
