"""Definitions in source code, found by the shape of their lines.

Two shapes serve most languages: a keyword and a name ("class Engine", "fn main", "CREATE TABLE items"), and a name with
arguments before a brace (methods, C functions, shell functions). How deep a line is indented gives the level. A rule
may miss a definition or take a line for one that is none: the text is the same, only its heading path differs.
"""

import re
from collections.abc import Iterator

from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.parsing.document_builder import one_line
from vectorstores_server.engines.local.parsing.python_source import python_headings

# In capitals: the language does not tell case.
_KEYWORDS = {
    ".go": "func type",
    ".rs": r"fn struct enum trait impl mod union macro_rules!",
    ".java .groovy .gradle": "class interface enum record @interface",
    ".cs": "class interface enum record struct namespace",
    ".kt .kts": "class interface object fun",
    ".swift": "class struct enum protocol extension func actor",
    ".scala": "class trait object def",
    ".dart": "class mixin enum extension",
    ".php": "class interface trait enum function namespace",
    ".rb": "class module def",
    ".py .pyi .pyx .nim": "class def proc func",
    ".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue .svelte": "function class interface enum namespace type",
    ".c .h .cc .cpp .cxx .hh .hpp .hxx .cu .m .mm .d": "struct class enum union namespace @interface @implementation",
    ".sh .bash .zsh .fish .ps1 .lua": "function",
    ".jl": "function struct module macro",
    ".ex .exs": "defmodule def defp defmacro",
    ".pl .pm": "package sub",
    ".sol": "contract interface library function struct",
    ".proto .thrift": "message service enum struct rpc",
    ".graphql .gql": "type interface enum input union",
    ".tf .hcl": "resource module variable data output",
    ".sql": "CREATE",
    ".vb": "CLASS MODULE SUB FUNCTION",
    ".f .for .f90 .f95": "SUBROUTINE FUNCTION MODULE PROGRAM",
    ".lisp .el .scm .clj .cljs": "(defun (defmacro (defn (defn- (define (defvar",
    ".zig": "fn",
    ".tcl": "proc",
}
_MODIFIERS = (
    "export default declare abstract public private protected internal static final sealed open override virtual "
    "async pub(crate) pub unsafe const extern data inline suspend partial readonly typedef local case companion "
    "fileprivate mutating template<> inner"
)
_NOT_NAMES = (
    "if for foreach while switch catch return new else elif do throw function synchronized using lock match with "
    "when unless until case guard await yield sizeof defined"
)
_NOT_CALLED = frozenset(_NOT_NAMES.split())
_BRACED_LANGUAGES = (
    ".c .h .cc .cpp .cxx .hh .hpp .hxx .cu .m .mm .d .java .groovy .cs .js .jsx .mjs .cjs .ts .tsx .mts .cts .vue "
    ".svelte .php .sh .bash .zsh .dart .awk"
)
_BRACED = re.compile(
    r"^(?P<indent>[ \t]*)(?P<name>[\w$#<>\[\],.?&*:~ \t]{1,160})"
    r"(?P<arguments>\([^;{}]{0,400}\))[\w \t\n<>\[\],.:()&*|?-]{0,100}\{",
    re.MULTILINE,
)
_ASSIGNED = re.compile(
    r"^(?P<indent>)(?:export[ \t]+)?(?:(?:const|let|var)[ \t]+)?(?P<title>[\w.$]{1,100})[ \t]*(?:=|<-)[ \t]*"
    r"(?:async[ \t]*)?(?:function\b|\([^()\n]{0,200}\)[^=\n]{0,60}=>|[\w$]{1,60}[ \t]*=>)",
    re.MULTILINE,
)
_NAME = re.compile(r"([\w$#~:.]+)(?:<[^<>]*>)?[ \t]*$")
_ASSIGNED_LANGUAGES = ".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue .svelte .r"
_FLAT = {
    ".toml .ini .cfg .conf": r"^\[+(?P<title>[^\[\]\n]{1,200})\]+",
    ".yaml .yml": r"^(?P<title>[A-Za-z_][\w./ -]{0,100}):(?=\s|$)",
    ".mk makefile": r"^(?P<title>[\w./%-]{1,100})[ \t]*:(?!=)",
}


def source(text: str, kind: str) -> Document:
    """`kind` is the extension, or the name of a file that has none, in lower case."""
    headings = python_headings(text) if kind in (".py", ".pyi") else None
    if headings is None:
        headings = tuple(_levels(sorted(_definitions(text, kind))))
    return Document(text, None, (), headings)


def _definitions(text: str, kind: str) -> Iterator[tuple[int, int, str]]:
    """Start, indentation and title of each."""
    for kinds, pattern in _FLAT.items():
        if kind in kinds.split():
            yield from ((match.start(), 0, match["title"]) for match in re.finditer(pattern, text, re.MULTILINE))
    for kinds, keywords in _KEYWORDS.items():
        if kind in kinds.split():
            yield from (_found(match) for match in _keyword_pattern(keywords).finditer(text))
    if kind in _ASSIGNED_LANGUAGES.split():
        yield from (_found(match) for match in _ASSIGNED.finditer(text))
    if kind in _BRACED_LANGUAGES.split():
        yield from _braced(text)


def _keyword_pattern(keywords: str) -> re.Pattern[str]:
    modifiers = "|".join(re.escape(word) for word in _MODIFIERS.split())
    names = "|".join(re.escape(word) for word in keywords.split())
    declared_only = r"(?![^\n{]*;)" if "union namespace" in keywords else ""  # C: "struct item *next;"
    return re.compile(
        rf"^(?P<indent>[ \t]*)(?:(?:{modifiers})[ \t]+){{0,6}}"
        rf"(?P<title>(?:{names})(?:<[^<>\n]{{1,80}}>)?[ \t]+(?:\([^()\n]{{0,80}}\)[ \t]*)?"
        rf"[\w\"'$@:&*][^\n(){{;=]{{0,100}}){declared_only}",
        re.MULTILINE | (re.IGNORECASE if keywords.isupper() else re.NOFLAG),
    )


def _found(match: re.Match[str]) -> tuple[int, int, str]:
    return match.start(), len(match["indent"].expandtabs(4)), match["title"]


def _braced(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _BRACED.finditer(text):
        words = re.findall(r"\w+", match["name"])
        name = _NAME.search(match["name"])
        arguments = match["arguments"]
        if name and not _NOT_CALLED.intersection(words) and arguments.count("(") == arguments.count(")"):
            yield match.start(), len(match["indent"].expandtabs(4)), f"{name[1]}()"


def _levels(definitions: list[tuple[int, int, str]]) -> Iterator[Heading]:
    indents: list[int] = []
    last = -1
    for start, indent, title in definitions:
        if start == last:  # one line, two shapes
            continue
        last = start
        while indents and indents[-1] >= indent:
            indents.pop()
        indents.append(indent)
        yield Heading(start, len(indents), one_line(title.rstrip(" :")))
