"""An assert that may never run proves nothing: what may stand around the asserts of a test."""

import ast
import builtins
from collections.abc import Iterator, Sequence

import pytest

from support.checkout import TESTS

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = ast.With | ast.AsyncWith


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - set(dir(builtins))


def _asserts(nodes: Sequence[ast.stmt]) -> bool:
    return any(isinstance(n, ast.Assert | Block) for node in nodes for n in ast.walk(node))


class _Reader:
    """Reads one test from top to bottom and finds the asserts that a run may leave out.

    `before` is what there is before the test: its parameters and the module's names. `full` is what is written down
    with something in it, `shown` what another assert speaks of, `sound` the functions that assert something of what
    they return; a loop over any of them is taken to run.
    """

    def __init__(self, test: Function, constants: set[str], sound: set[str]) -> None:
        self.sound = sound
        self.before = constants | {argument.arg for argument in (*test.args.args, *test.args.kwonlyargs)}
        self.full = set(self.before)
        self.shown = {name for node in self._plain_asserts(test.body) for name in _names(node)}
        self.lines = sorted(self._left_out(test.body, runs=True))

    def _plain_asserts(self, body: list[ast.stmt]) -> Iterator[ast.Assert]:
        for node in body:
            if isinstance(node, ast.Assert):
                yield node
            elif isinstance(node, Block):
                yield from self._plain_asserts(node.body)

    def _is_full(self, node: ast.expr) -> bool:
        """Tell whether a loop over this runs at least once, as far as its form can tell."""
        match node:
            case ast.Tuple(elts) | ast.List(elts) | ast.Set(elts):
                return any(self._is_full(e.value) if isinstance(e, ast.Starred) else True for e in elts)
            case ast.Dict(keys=items) | ast.Constant(value=items):
                return bool(items)
            case ast.Name(id):
                return id in self.full | self.shown
            case ast.Attribute(value=part) | ast.Subscript(value=part) | ast.BinOp(left=part):
                return self._is_full(part)
            case ast.Call(func, args):
                return self._gives(func, args)
            case ast.ListComp(generators=drawn) | ast.DictComp(generators=drawn) | ast.SetComp(generators=drawn):
                return all(self._is_full(part.iter) and not part.ifs for part in drawn)
            case _:
                return False

    def _gives(self, function: ast.expr, arguments: list[ast.expr]) -> bool:
        match function:
            case ast.Name(id) if id in self.sound:
                return True
            case ast.Name("enumerate" | "reversed" | "sorted" | "zip" | "range" | "pairwise" | "len"):
                return all(self._is_full(argument) for argument in arguments)
            case ast.Attribute(value, "items" | "values" | "splitlines" | "split"):
                return self._is_full(value)
            case _:
                return False

    def _left_out(self, body: list[ast.stmt], *, runs: bool) -> Iterator[int]:
        for node in body:
            yield from self._of(node, runs=runs)

    def _of(self, node: ast.stmt, *, runs: bool) -> Iterator[int]:
        match node:
            case ast.Assert():
                self.shown |= _names(node)
                if not runs:
                    yield node.lineno
            case ast.Assign() | ast.AnnAssign() if node.value and self._is_full(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.full |= {name for target in targets for name in _names(target)}
            case ast.If() | ast.For() | ast.AsyncFor() | ast.While() | ast.Try():
                runs = runs and self._is_entered(node)
                yield from self._left_out(_inside(node), runs=runs)
            case ast.With() | ast.AsyncWith():
                yield from self._left_out(node.body, runs=runs)
            case _:
                pass

    def _is_entered(self, node: ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try) -> bool:
        match node:
            case ast.If():
                return _names(node.test) <= self.before or (_asserts(node.body) and _asserts(node.orelse))
            case ast.For() | ast.AsyncFor():
                full = self._is_full(node.iter)
                self.full |= _names(node.target) if full else set()
                return full
            case ast.While():
                return isinstance(node.test, ast.Constant)
            case ast.Try():
                return not node.handlers or _asserts(node.orelse)


def _inside(node: ast.If | ast.For | ast.AsyncFor | ast.While | ast.Try) -> list[ast.stmt]:
    """The statements of a block and its branches, in their order."""
    if isinstance(node, ast.Try):
        handled = [line for handler in node.handlers for line in handler.body]
        return [*node.body, *handled, *node.orelse, *node.finalbody]
    return [*node.body, *node.orelse]


def _constants(module: ast.Module) -> set[str]:
    """What a module holds before any test of it runs."""
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, Function | ast.ClassDef):
            names.add(node.name)
            continue
        names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        names |= {n.asname or n.name.split(".")[0] for n in ast.walk(node) if isinstance(n, ast.alias)}
    return names


def left_out(source: str) -> list[int]:
    """Return the lines of the asserts that a run of their test may leave out.

    Property tests are left out here: each runs on a hundred inputs.
    """
    module = ast.parse(source)
    constants = _constants(module)
    functions = [node for node in module.body if isinstance(node, Function)]
    sound = {function.name for function in functions if any(isinstance(n, ast.Assert) for n in function.body)}
    tests = [f for f in functions if f.name.startswith("test_") and "given" not in _decorators(f)]
    return [line for test in tests for line in _Reader(test, constants, sound).lines]


def _decorators(function: Function) -> set[str]:
    return {name for decorator in function.decorator_list for name in _names(decorator)}


def test_no_assert_waits_for_what_may_never_come() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for line in left_out(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("assert f()", []),
        ("for x in f():\n  assert x", [3]),
        ("xs = f()\nassert xs\nfor x in xs:\n  assert x", []),
        ("for x in (1, 2):\n  assert x", []),
        ("for x in ():\n  assert x", [3]),
        ("xs = [g(n) for n in range(3)]\nfor x in xs:\n  assert x", []),
        ("xs = [n for n in (1, 2) if g(n)]\nfor x in xs:\n  assert x", [4]),
        ("page = f()\nif page.best:\n  assert page", [4]),
        ("if parameter:\n  assert f()", []),
        ("while f():\n  assert g()", [3]),
        ("with f() as x:\n  if x:\n    assert g()", [4]),
        ("if f():\n  assert g()\nelse:\n  assert h()", []),
    ],
)
def test_the_check_finds_each_of_its_kind(body: str, lines: list[int]) -> None:
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    assert left_out(f"def test_it(parameter):\n{indented}") == lines
