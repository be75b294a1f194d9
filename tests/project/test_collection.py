"""A test is what its name says: nothing is read from the clock while it is collected, no file shadows a fixture."""

import ast
from pathlib import Path

from support.checkout import TESTS

CLOCKS = {("time", "time"), ("time", "monotonic"), ("datetime", "now"), ("date", "today")}


def _clock_calls(tree: ast.AST) -> list[int]:
    """The lines that ask a clock, outside the bodies of functions: what runs when the module is imported."""
    lines: list[int] = []
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ) and (node.func.value.id, node.func.attr) in CLOCKS:
            lines.append(node.lineno)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            pending += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif not isinstance(node, ast.Lambda):
            pending += ast.iter_child_nodes(node)
    return lines


def test_no_test_takes_a_time_while_it_is_collected() -> None:
    """A time of collection is ten minutes old when the last test runs."""
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        for line in _clock_calls(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_check_finds_a_clock_in_a_decorator_and_in_a_default() -> None:
    module = "import time\n@mark(time.time())\ndef f(a=time.time()):\n    time.time()\n"
    assert sorted(_clock_calls(ast.parse(module))) == [2, 3]


def _fixtures(path: Path) -> dict[str, list[str]]:
    """The fixtures that a module makes, with what each asks for."""
    found: dict[str, list[str]] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            ast.unparse(decorator).startswith("pytest.fixture") for decorator in node.decorator_list
        ):
            found[node.name] = [argument.arg for argument in node.args.args]
    return found


def test_no_file_shadows_a_fixture_that_stands_for_several() -> None:
    """Else a test is named after an engine or an era that it does not get, and runs twice on another."""
    files = {path: _fixtures(path) for path in TESTS.rglob("*.py")}
    shared = {
        name: wants for path, made in files.items() if not path.name.startswith("test_") for name, wants in made.items()
    }
    several = {"opener", "era"}
    while wider := {name for name, wants in shared.items() if several & set(wants)} - several:
        several |= wider
    assert several >= {"engine", "caller", "caller_of_era"}
    shadows = {
        path.name: names
        for path, made in files.items()
        if path.name.startswith("test_")
        if (names := several & set(made))
    }
    assert shadows == {}
