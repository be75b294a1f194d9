"""HTML as running text: blocks apart, tables row by row, h1 to h6 as headings; what is no content is left out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder
from vectorstores_server.engines.local.parsing.html_table import HtmlTable
from vectorstores_server.engines.local.parsing.properties import Properties, properties

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_NO_CONTENT = [
    "script",
    "style",
    "noscript",
    "template",
    "nav",
    "iframe",
    "object",
    "canvas",
    "select",
    "button",
]
_HIDDEN = (
    "[hidden]:not([hidden='until-found']), svg style, svg title, svg desc, svg defs, svg metadata, math annotation, "
    "math annotation-xml"
)
_SIGNS = "a.headerlink, a.anchor, a.anchorlink"  # beside headings in documentation; around their words elsewhere
_LABELS = "h1 h2 h3 h4 h5 h6 summary dt th caption legend [role='heading']"  # a button in one of these holds its words
_BUTTONS = ", ".join(f"{label} button" for label in _LABELS.split())
_SUBSET = re.compile(r"<!DOCTYPE[^\[>]{0,500}\[(.{0,20000}?)\]\s*>", re.DOTALL | re.IGNORECASE)
_ENTITY = re.compile(r"""<!ENTITY\s+([\w.-]{1,50})\s+["']([^"'<&]{0,200})["']\s*>""")
# XHTML closes an empty element like this; HTML takes all that follows for its content.
_SELF_CLOSED = re.compile(
    r"<(title|script|style|textarea|iframe|noscript|object|select|a|div|span|p)\b([^<>]{0,2000})/>", re.IGNORECASE
)
MAX_DEPTH = 512
_LONGEST_HEAD = 50_000
_DATES = ("article:published_time", "date", "dcterms.created", "dc.date", "dcterms.date")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)\b[^<>]*>")
_NOT_NESTED_TAGS = (
    "area base br col embed hr img input link meta param source track wbr "  # have no end
    "html head body p li dt dd tr td th thead tbody tfoot option optgroup rt rp colgroup caption"  # end by others
)
_NOT_NESTED = frozenset(_NOT_NESTED_TAGS.split())
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCK_TAGS = (
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul caption "
    "h1 h2 h3 h4 h5 h6"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_NOT_IN_DATA = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "form"))


def read_html(text: str) -> Document:
    """Read a page; its title is that of the head, or the first heading."""
    builder = DocumentBuilder()
    return replace(builder.build(add_html(builder, text)), properties=_properties(text))


def _properties(text: str) -> Properties:
    """Return the author and the date that the head of a page names."""
    from selectolax.lexbor import LexborHTMLParser

    head = text[:_LONGEST_HEAD].partition("</head")[0]
    if "<meta" not in head.lower():
        return ()
    named: dict[str, str] = {}
    for node in LexborHTMLParser(head).css("meta[content]"):
        key = (node.attributes.get("name") or node.attributes.get("property") or "").lower()
        named.setdefault(key, node.attributes.get("content") or "")
    written = next((named[key] for key in _DATES if key in named), "")
    return properties([named.get("author", "")], written)


def add_html(builder: DocumentBuilder, text: str) -> str | None:
    """Append the content of a page; returns the title of its head."""
    from selectolax.lexbor import LexborHTMLParser

    text = _expanded(text)
    tree = LexborHTMLParser(shallow(_SELF_CLOSED.sub(r"<\1\2></\1>", text)))
    named = tree.css_first("head > title")
    title = named.text() if named else None
    for node in tree.css(_BUTTONS):
        node.unwrap()
    tree.strip_tags(_NO_CONTENT, recursive=True)
    for node in tree.css(_HIDDEN):
        node.decompose()
    for node in tree.css(_SIGNS):
        if not any(map(str.isalnum, node.text())):
            node.decompose()
    if tree.body is not None:
        _Page(builder, _hold_data(tree.body)).walk(tree.body)
    return title


def _expanded(text: str) -> str:
    """Put in the entities that an XHTML page declares between brackets: <!DOCTYPE html [<!ENTITY co "Acme">]>."""
    subset = _SUBSET.search(text, 0, 30_000)
    if subset is None:
        return text
    entities = dict(_ENTITY.findall(subset[1]))
    body = text[: subset.start()] + text[subset.end() :]
    return re.sub(r"&([\w.-]{1,50});", lambda found: entities.get(found[1], found[0]), body)


def shallow(text: str) -> str:
    """Leave out tags that open deeper than MAX_DEPTH, and those that close them; the text between them stays.

    The time that a parser of HTML takes for a tag grows with the depth: 1.1 MB of `<div>` took 56 s. Browsers have the
    same cap.
    """
    depth = deepest = 0
    kept: list[str] = []
    end = 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() in _NOT_NESTED:
            continue
        if not tag[1]:
            depth += 1
            deepest = max(deepest, depth)
        if depth > MAX_DEPTH:
            kept += (text[end : tag.start()], " ")
            end = tag.end()
        if tag[1] and depth:
            depth -= 1
    return text if deepest <= MAX_DEPTH else "".join([*kept, text[end:]])


class _Page:
    """One way through a page. Inline text gathers until a block begins or ends."""

    def __init__(self, builder: DocumentBuilder, hold_data: Iterable[bool]) -> None:
        self._builder = builder
        self._hold_data = iter(hold_data)  # of the tables, in the order in which they begin
        self._inline: list[str] = []
        self._table = HtmlTable()  # the table of data at hand
        self._tables: list[bool] = []  # for each open table: whether it holds data rather than a layout
        self._lists = 0
        self._pre = 0

    def walk(self, root: "LexborNode") -> None:
        """Write all below `root`."""
        for tag, node in _events(root):
            if tag == "-text":
                text = node.text_content or ""
                self._inline.append(text if self._pre else text.replace("\n", " "))
            elif not tag.startswith("/"):
                self._enter(tag, node)
            elif self._tables and self._tables[-1]:
                self._leave_in_table(tag[1:])
            else:
                self._leave(tag[1:])
        self._flush()

    def _enter(self, tag: str, node: "LexborNode") -> None:
        if tag == "br":
            self._inline.append("\n")
        elif tag == "img":
            self._inline.append(f" {node.attributes.get('alt') or ''} ")
        elif tag == "table":
            self._flush()
            self._builder.gap()
            self._tables.append(next(self._hold_data))
        elif self._tables and self._tables[-1]:
            self._inline.append(" " if tag in _BLOCKS else "")
            if tag in ("td", "th"):
                self._table.cell(node, heads=tag == "th")
        elif tag in _BLOCKS:
            self._flush()
            self._begin(tag)

    def _begin(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            if not self._lists:
                self._builder.gap()
            self._lists += 1
        elif tag == "li":
            self._inline.append("- ")
        elif tag == "pre":
            self._pre += 1

    def _leave(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._builder.heading(int(tag[1]), self._taken())
        elif tag == "pre":
            self._pre -= 1
            self._builder.block("".join(self._inline))
            self._inline.clear()
        elif tag in _BLOCKS:
            self._flush()
        if tag in ("ul", "ol"):
            self._lists -= 1
        elif tag == "table":
            self._tables.pop()

    def _leave_in_table(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._table.fill(" ".join(self._taken().split()))
        elif tag == "tr":
            self._table.end_row()
        elif tag in ("caption", "table"):
            self._flush()
            if tag == "table":
                self._tables.pop()
                self._table.write(self._builder)
                self._table = HtmlTable()

    def _taken(self) -> str:
        text = "".join(self._inline)
        self._inline.clear()
        return text

    def _flush(self) -> None:
        lines = (" ".join(line.split()) for line in self._taken().split("\n"))
        text = "\n".join(line for line in lines if line)
        if text == "-":  # the item's text stands in a block of its own
            self._inline.append("- ")
        elif text.startswith("- "):
            self._builder.line(text)
        else:
            self._builder.block(text)


def _events(root: "LexborNode") -> "Iterator[tuple[str, LexborNode]]":
    """Each node with its tag, and with a slash before the tag once its contents are through."""
    above: list[LexborNode] = []
    node = root
    while True:
        yield node.tag or "", node
        if (child := node.first_child) is not None:
            above.append(node)
            node = child
            continue
        while True:
            yield f"/{node.tag}", node
            if not above:
                return
            if (following := node.next) is not None:
                node = following
                break
            node = above.pop()


def _hold_data(root: "LexborNode") -> list[bool]:
    """Tell of each table, in the order in which they begin, whether it holds data rather than a layout.

    One pass for all: if each table looked through its own inside, nested ones would cost the square of their number.
    """
    found: list[bool] = []
    open_tables: list[int] = []
    for tag, _ in _events(root):
        if open_tables and (tag == "table" or tag in _NOT_IN_DATA):
            found[open_tables[-1]] = False
        if tag == "table":
            open_tables.append(len(found))
            found.append(True)
        elif tag == "/table":
            open_tables.pop()
    return found
