"""Classes and functions of Python source."""

import ast
import warnings
from collections.abc import Iterator, Sequence
from itertools import accumulate

from vectorstores_server.engines.local.parsing.document import Heading

# The tree takes about a hundred times the text; longer modules are made by programs.
MAX_CHARACTERS = 1_000_000


def python_headings(text: str) -> tuple[Heading, ...] | None:
    """Find every class, and every function of the module or a class; None when the text does not compile."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the source at hand, which is not ours to mend
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    line_starts = tuple(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    return tuple(Heading(line_starts[line - 1], level, title) for line, level, title in _sections(tree.body, 1))


def _sections(body: Sequence[ast.stmt], level: int) -> Iterator[tuple[int, int, str]]:
    inside = False
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inside = True
            first = min((decorator.lineno for decorator in statement.decorator_list), default=statement.lineno)
            if isinstance(statement, ast.ClassDef):
                yield first, level, f"class {statement.name}"
                yield from _sections(statement.body, level + 1)
            else:
                yield first, level, f"def {statement.name}"
        elif inside:
            inside = False
            yield statement.lineno, level, ""
