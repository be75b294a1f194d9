"""Headings of Markdown, as CommonMark has them: by markdown-it-py's block rules. The text stays as it is written.

Inline rules are left out: a title's links and marks go by two patterns. Tokens are given back as soon as a block at the
top is through, so that memory is that of the longest block; a long text is read in pieces besides, since one list may
be all of it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import accumulate, pairwise
from typing import TypeAlias

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from vectorstores_server.engines.local.parsing.document import Document, Heading
from vectorstores_server.engines.local.parsing.document_builder import first_title, one_line
from vectorstores_server.engines.local.parsing.properties import front_matter

_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)\n(.*?)\n(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE)
_WRITTEN_CHARACTERS = 1000  # of a heading, before its links and marks go
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_DECORATION = re.compile(r"<[^<>\n]*>|\{#[^}\n]*\}|[*`]|\\(?=[^\w\s])")
_PIECE = 4_000_000  # characters; a list of so many takes 170 MB
_CUT = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)

_FOUND = "headings"
_Written: TypeAlias = tuple[int, int, str]  # line, level, what is written


def markdown(text: str) -> Document:
    """Return the text with its ATX and setext headings; the title is the front matter's or the first heading."""
    front = _FRONT_MATTER.match(text)
    named = _FRONT_TITLE.search(front[2]) if front else None
    headings = tuple(_headings(text, front.end() if front else 0))
    title = one_line(named[1].strip().strip("\"'")) if named else ""
    document = Document(text, title or first_title(headings), (), headings)
    return replace(document, properties=front_matter(front[2])) if front else document


def _headings(text: str, begin: int) -> Iterator[Heading]:
    cuts = [begin]
    while (cut := _CUT.search(text, cuts[-1] + _PIECE)) is not None:
        cuts.append(cut.start())
    for start, end in pairwise([*cuts, len(text)]):
        yield from _headings_of_piece(text[start:end], start)


def _headings_of_piece(text: str, offset: int) -> Iterator[Heading]:
    found: list[_Written] = []
    found.extend(_written(_rules().parse(text, {_FOUND: found})))
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=offset)) if found else []
    for line, level, written in found:
        if title := one_line(_DECORATION.sub("", _LINK.sub(r"\1", written[:_WRITTEN_CHARACTERS]))):
            yield Heading(starts[line], level, title)


def _written(tokens: Sequence[Token]) -> Iterator[_Written]:
    for token, content in pairwise(tokens):
        if token.type == "heading_open" and token.map:
            yield token.map[0], int(token.tag[1:]), content.content


def _between_blocks(state: StateBlock, _line: int, _end: int, silent: bool) -> bool:
    if state.level == 0 and not silent:
        state.env[_FOUND].extend(_written(state.tokens))
        state.tokens.clear()
    return False


@cache
def _rules() -> MarkdownIt:
    """Return block rules that put each heading into the list of `env`, and keep no token of a block that is through."""
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["block"])
    parser.block.ruler.before("code", "between_blocks", _between_blocks)
    return parser
