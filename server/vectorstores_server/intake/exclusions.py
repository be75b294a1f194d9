"""Files that a folder leaves out by default, because nobody wrote them: dependencies, builds, lock files (pure).

A `.gitignore` usually says the same; this holds where there is none. A name is compared in lower case. A file or folder
that a caller names itself is taken all the same.
"""

from collections.abc import Collection, Mapping

from vectorstores_server.intake.name_forms import NameForms

REASON = "left out by default"
ENVIRONMENT = "pyvenv.cfg"
"""A file that marks the folder that holds it as a virtual environment of Python, whatever its name."""

_ALWAYS = frozenset({"node_modules", "__pycache__"})
_JAVASCRIPT = ("package.json",)
_PYTHON = ("pyproject.toml", "setup.py", "setup.cfg")
_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
BUILT_BESIDE: Mapping[str, frozenset[str]] = {
    "target": frozenset({"cargo.toml", "pom.xml", "build.sbt"}),
    "dist": frozenset({*_JAVASCRIPT, *_PYTHON}),
    "build": frozenset({*_JAVASCRIPT, *_PYTHON, *_GRADLE, "cmakelists.txt", "pubspec.yaml"}),
    "venv": frozenset({ENVIRONMENT}),
}
"""Folders that are built, and the files beside them that say so."""
_FILES = NameForms((
    # exact versions of what a project needs, written by its tools
    "*.lock", "*.lockfile", "*.lockb", "*-lock.json", "*-lock.yaml", "*-lock.yml", "*.lock.json", "*.lock.yaml",
    "*.lock.hcl", "npm-shrinkwrap.json", "go.sum", "package.resolved",
    # made smaller for browsers, and the way back from that
    "*.min.js", "*.min.mjs", "*.min.cjs", "*.min.css", "*.js.map", "*.mjs.map", "*.cjs.map", "*.css.map",
))  # fmt: skip


def is_left_out(name: str, beside: Collection[str]) -> bool:
    """Tell whether a folder is left out; `beside` are the names in the folder that holds it, in lower case."""
    name = name.lower()
    return name in _ALWAYS or not BUILT_BESIDE.get(name, frozenset()).isdisjoint(beside)


def is_written_by_tools(name: str) -> bool:
    """Tell whether a file is left out for its name."""
    return _FILES.match(name.lower())


def is_environment(names: Collection[str]) -> bool:
    """Tell whether a folder that holds these names, in lower case, is a virtual environment."""
    return ENVIRONMENT in names
