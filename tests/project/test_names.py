"""One word, one thing: what the names in the tree must be."""

import ast
import re
from collections import defaultdict

from support.checkout import ROOT
from support.source_trees import source_trees

SAY_NOTHING = {"said", "told", "one", "mine", "meant"}
NO_SUBJECT = re.compile(
    r"(What|Whatever|Who|Whoever|Whom|Whose|How|When|Where|Which|Why|Whether|Of|As|See|For|From|In|At)\b"
    r"|(Return|Yield|Refuse|Stop|Open|Attach|Answer for|Say|Note|Write|Take) (what|who|where|how(?! many| long))\b"
)
"""The first words of a docstring that has no noun, or has it behind a clause."""
READ_TWICE = re.compile(r"\b(anew|whoever|(tells?|told|which) .* is another)\b", re.IGNORECASE)


def test_no_public_class_name_stands_twice_in_the_tree() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path, module in source_trees():
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert places
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_variable_or_parameter_has_a_name_that_says_nothing() -> None:
    found: list[str] = []
    for path, module in source_trees():
        for node in ast.walk(module):
            named = node.arg if isinstance(node, ast.arg) else node.id if isinstance(node, ast.Name) else ""
            if named in SAY_NOTHING:
                found.append(f"{path.relative_to(ROOT)}: {named}")
    assert found == []


def test_no_function_or_attribute_has_a_name_that_says_nothing() -> None:
    named = [
        (path.relative_to(ROOT), node.attr if isinstance(node, ast.Attribute) else node.name)
        for path, module in source_trees()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    assert named
    assert [f"{path}: {name}" for path, name in named if name.strip("_").lower() in SAY_NOTHING] == []


def test_each_module_says_in_its_first_line_what_it_is() -> None:
    bare = [str(path) for path, module in source_trees() if not (ast.get_docstring(module) or "").strip()]
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


def _sentences(module: ast.Module) -> list[str]:
    """Return the docstrings of a module, its classes and functions, and the strings below attributes and constants."""
    found: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef):
            found += [_string(statement) for statement in node.body]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(_string(node.body[0]))
    return [sentence for sentence in found if sentence]


def _string(statement: ast.stmt) -> str:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return str(value.value).strip() if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def test_a_docstring_begins_with_its_subject() -> None:
    sentences = {
        f"{path.relative_to(ROOT)}: {sentence.splitlines()[0]}"
        for path, module in source_trees()
        for sentence in _sentences(module)
    }
    assert sentences
    assert {entry for entry in sentences if NO_SUBJECT.match(entry.partition(": ")[2])} == set()


def test_no_comment_or_sentence_has_a_word_that_must_be_read_twice() -> None:
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path, _ in source_trees()
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert lines
    assert [line for line in lines if READ_TWICE.search(line)] == []
