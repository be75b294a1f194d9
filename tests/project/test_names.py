"""One word, one thing: what the names in the tree must be."""

import ast
import re
from collections import defaultdict
from pathlib import Path

from support.checkout import ROOT

SAY_NOTHING = {"said", "told", "one", "mine", "meant"}


def _modules() -> list[tuple[Path, ast.Module]]:
    return [
        (path, ast.parse(path.read_text())) for floor in ("tools", "server") for path in (ROOT / floor).rglob("*.py")
    ]


def test_no_public_class_name_stands_twice_in_the_tree() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, module in _modules():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert places
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_variable_or_parameter_has_a_name_that_says_nothing() -> None:
    found: list[str] = []
    for path, module in _modules():
        for node in ast.walk(module):
            named = node.arg if isinstance(node, ast.arg) else node.id if isinstance(node, ast.Name) else ""
            if named in SAY_NOTHING:
                found.append(f"{path.relative_to(ROOT)}: {named}")
    assert found == []


def test_each_module_says_in_its_first_line_what_it_is() -> None:
    bare = [str(path) for path, module in _modules() if not (ast.get_docstring(module) or "").strip()]
    assert bare == []


def test_each_path_that_the_pages_for_developers_name_is_there() -> None:
    rooms = [ROOT, ROOT / "tools/vectorstores_tools", ROOT / "server/vectorstores_server"]
    rooms.append(ROOT / "server/vectorstores_server/engines/local")
    named = {
        f"{page.name}: {path}"
        for page in (ROOT / "docs/design.md", ROOT / "docs/architecture.md", ROOT / "CONTRIBUTING.md")
        for path in re.findall(r"`([\w/]+(?:\.py|/))`", page.read_text(encoding="utf-8"))
        if not path.startswith("/")
    }
    assert named
    gone = {entry for entry in named if not any((room / entry.split(": ")[1]).exists() for room in rooms)}
    assert gone == set()
