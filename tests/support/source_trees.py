"""The syntax trees of the source, parsed once for all tests that look at them."""

import ast
from functools import cache
from pathlib import Path

from support.checkout import ROOT


@cache
def source_trees() -> tuple[tuple[Path, ast.Module], ...]:
    """Return each module of the two floors with its tree, which nobody changes."""
    paths = sorted(path for floor in ("server", "tools") for path in (ROOT / floor).rglob("*.py"))
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths)
