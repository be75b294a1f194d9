"""Parts that Office documents of every kind share: text in DrawingML, charts, SmartArt, equations, alternatives."""

from collections.abc import Iterator
from itertools import zip_longest
from xml.etree.ElementTree import Element

from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_part
from vectorstores_server.engines.local.parsing.office_package import OfficePackage, R

A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
CX = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"

_BETWEEN = {f"{M}f": "/", f"{M}sSup": "^", f"{M}sSub": "_"}
_NO_POINTS = frozenset(("pres", "parTrans", "sibTrans"))
_TEXTS = (f"{A}t", f"{C}v", f"{CX}v", f"{CX}pt")


def alternatives(element: Element) -> Iterator[Element]:
    """Yield the children, of alternative contents those of the first that says something."""
    for child in element:
        if child.tag == f"{MC}AlternateContent":
            yield from alternatives(_chosen(child))
        else:
            yield child


def _chosen(content: Element) -> Element:
    options = [option for option in content if option.tag in (f"{MC}Choice", f"{MC}Fallback")]
    telling = (option for option in options if any((part.text or "").strip() for part in option.iter()))
    return next(telling, options[0] if options else content)


def equation(element: Element) -> Iterator[str]:
    """Yield an equation as text, "E=mc^2": fractions, powers and indices with a sign between their halves."""
    if element.tag == f"{M}t":
        yield element.text or ""
    sign = _BETWEEN.get(element.tag, "")
    halves = 0
    for child in element:
        text = "".join(equation(child))
        if text:
            yield (sign if halves else "") + text
            halves += 1


def paragraphs(body: Element) -> Iterator[str]:
    """Yield the paragraphs of a text body in DrawingML."""
    for paragraph in body.iter(f"{A}p"):
        yield "".join(_inline(paragraph))


def text_of(body: Element | None) -> str:
    """Return a text body, a line a paragraph."""
    return "" if body is None else "\n".join(paragraphs(body))


def _inline(element: Element) -> Iterator[str]:
    for child in alternatives(element):
        if child.tag == f"{A}t":
            yield child.text or ""
        elif child.tag in (f"{A}br", f"{A}tab"):
            yield "\n" if child.tag == f"{A}br" else "\t"
        elif child.tag in (f"{M}oMath", f"{M}oMathPara"):
            yield from equation(child)
        else:
            yield from _inline(child)


def add_graphics(builder: DocumentBuilder, package: OfficePackage, part: str, element: Element) -> None:
    """Write the charts and the SmartArt that `element`, which stands in `part`, shows."""
    for found in element.iter():
        if found.tag in (f"{C}chart", f"{CX}chart") and (target := _target(package, part, found, "id")):
            with one_part(builder, "a chart"):
                _add_chart(builder, package.xml(target))
        elif found.tag == f"{DGM}relIds" and (target := _target(package, part, found, "dm")):
            with one_part(builder, "a diagram"):
                _add_diagram(builder, package.xml(target))


def _target(package: OfficePackage, part: str, element: Element, name: str) -> str | None:
    relation = package.relations(part).get(element.get(f"{R}{name}", ""))
    return relation.target if relation else None


def _add_diagram(builder: DocumentBuilder, data: Element) -> None:
    builder.gap()
    for point in data.iter(f"{DGM}pt"):
        text = " ".join(text_of(point.find(f"{DGM}t")).split())
        if text and point.get("type") not in _NO_POINTS:
            builder.line(f"- {text}")


def _add_chart(builder: DocumentBuilder, space: Element) -> None:
    """Write the title, then what else is written on it, then its values as a table: a row a category."""
    series = list(space.iter(f"{C}ser"))
    written = {id(part) for line in series for part in line.iter()} | {
        id(part) for cache in space.iter() if cache.tag == f"{C}externalData" for part in cache.iter()
    }
    loose = [" ".join((part.text or "").split()) for part in _titles(space, written)]
    builder.block("Chart: " + " | ".join(filter(None, loose)) if any(loose) else "Chart")
    if series:
        _add_series(builder, series)


def _titles(space: Element, written: set[int]) -> Iterator[Element]:
    for part in space.iter():
        if part.tag in _TEXTS and id(part) not in written:
            yield part


def _add_series(builder: DocumentBuilder, series: list[Element]) -> None:
    labels: list[str] = []
    columns: list[list[str]] = []
    for line in series:
        categories = _points(line, f"{C}cat", f"{C}xVal")
        labels = categories if len(categories) > len(labels) else labels
        columns.append(_points(line, f"{C}val", f"{C}yVal"))
    names = [" ".join(_texts(line.find(f"{C}tx"))) for line in series]
    rows = list(zip_longest(labels, *columns, fillvalue=""))
    builder.gap()
    if not rows:
        builder.line(" | ".join(filter(None, names)))
    for label, *values in rows:
        pairs = [f"{name}: {value}" if name else value for name, value in zip(names, values, strict=True) if value]
        builder.line(" | ".join(filter(None, (label, *pairs))))
    for line in series:  # labels that somebody typed at single points
        for label in line.iter(f"{C}dLbls"):
            builder.block(" | ".join(_texts(label)))


def _points(series: Element, *tags: str) -> list[str]:
    """Return the values of one axis; a point that is not there is empty."""
    found: dict[int, str] = {}
    for tag in tags:
        for holder in series.findall(tag):
            levels = holder.findall(f".//{C}lvl") or [holder]
            for level in reversed(levels):
                for point in level.iter(f"{C}pt"):
                    index = int(point.get("idx") or len(found))
                    text = _number(point.findtext(f"{C}v") or "")
                    found[index] = f"{found[index]} {text}" if index in found else text
    return [found.get(index, "") for index in range(min(max(found, default=-1) + 1, 10_000))]


def _number(text: str) -> str:
    """Return a number as people write it: a chart's cache says 0.30000000000000004."""
    try:
        return f"{float(text):.10g}" if "." in text and len(text) > 12 else text
    except ValueError:
        return text


def _texts(element: Element | None) -> list[str]:
    if element is None:
        return []
    return [text for part in element.iter() if part.tag in _TEXTS and (text := " ".join((part.text or "").split()))]
