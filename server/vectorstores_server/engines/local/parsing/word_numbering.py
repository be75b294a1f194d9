"""The automatic numbers of Word's lists and headings, as Word shows them: "1.1", "(a)", "Article 2"."""

from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BULLET = "-"
_LEVELS = 9
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


def value(element: Element | None) -> str:
    """Return an element's w:val, empty where there is none."""
    return "" if element is None else element.get(f"{W}val", "")


def number(element: Element | None, default: int) -> int:
    """Return an element's w:val as a number."""
    text = value(element)
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 10 else default


@dataclass(slots=True)
class _Level:
    style: str = ""
    kind: str = "decimal"
    text: str = ""
    start: int = 1
    restart: int | None = None
    legal: bool = False


@dataclass(slots=True)
class _List:
    """One abstract definition with its running counters; the lists that use it count on together."""

    levels: dict[int, _Level] = field(default_factory=dict[int, _Level])
    counters: list[int | None] = field(default_factory=lambda: [None] * _LEVELS)
    overridden: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])


@dataclass(slots=True)
class _Use:
    """A list as paragraphs name it (w:num)."""

    definition: _List
    overrides: dict[int, _Level]
    starts: dict[int, int]


class WordNumbering:
    """Numbers of a document's paragraphs, asked for in the order of the text."""

    def __init__(self, root: Element | None) -> None:
        self._uses: dict[str, _Use] = {}
        self._levels_of_styles: dict[tuple[str, str], int] = {}
        if root is not None:
            self._read(root)

    def label(self, use_id: str, level: int | None, style: str) -> str:
        """Return the next number of this list, BULLET for a bullet; empty where the paragraph shows none.

        A paragraph that has its list from its style stands at the level that names the style.
        """
        use = self._uses.get(use_id)
        if use is None:
            return ""
        at = level if level is not None else self._levels_of_styles.get((use_id, style), 0)
        at = min(max(at, 0), _LEVELS - 1)
        self._count(use_id, use, at)
        return self._shown(use, at)

    def _read(self, root: Element) -> None:
        abstracts = {found.get(f"{W}abstractNumId", ""): found for found in root.findall(f"{W}abstractNum")}
        by_link = {value(found.find(f"{W}styleLink")): found for found in abstracts.values()}
        lists: dict[str, _List] = {}
        for name, found in abstracts.items():
            link = value(found.find(f"{W}numStyleLink"))
            source = by_link.get(link, found) if link else found
            lists[name] = _List({_index(level): _level(level) for level in source.findall(f"{W}lvl")})
        for found in root.findall(f"{W}num"):
            use_id = found.get(f"{W}numId", "")
            definition = lists.get(value(found.find(f"{W}abstractNumId")))
            if definition is not None:
                self._uses[use_id] = _use(found, definition)
                for index, level in definition.levels.items():
                    self._levels_of_styles.setdefault((use_id, level.style), index)

    def _count(self, use_id: str, use: _Use, at: int) -> None:
        counters = use.definition.counters
        level = _of(use, at)
        fresh = at in use.starts and (use_id, at) not in use.definition.overridden
        use.definition.overridden.add((use_id, at))
        current = counters[at]
        if fresh:
            counters[at] = use.starts[at]
        else:
            counters[at] = level.start if current is None else current + 1
        for above in range(at):  # a level that was skipped counts as begun
            if counters[above] is None:
                counters[above] = _of(use, above).start
        for below in range(at + 1, _LEVELS):
            restart = _of(use, below).restart
            if restart is None or (restart and at < restart):
                counters[below] = None

    def _shown(self, use: _Use, at: int) -> str:
        level = _of(use, at)
        if level.kind == "bullet":
            return BULLET
        text = level.text
        for index in range(_LEVELS):
            counter = use.definition.counters[index]
            if f"%{index + 1}" in text:
                kind = "decimal" if level.legal else _of(use, index).kind
                text = text.replace(f"%{index + 1}", _written(counter if counter is not None else 1, kind))
        return text.strip()


def _use(found: Element, definition: _List) -> _Use:
    overrides: dict[int, _Level] = {}
    starts: dict[int, int] = {}
    for override in found.findall(f"{W}lvlOverride"):
        index = _index(override)
        if (level := override.find(f"{W}lvl")) is not None:
            overrides[index] = _level(level)
        if (start := override.find(f"{W}startOverride")) is not None:
            starts[index] = number(start, 1)
    return _Use(definition, overrides, starts)


def _of(use: _Use, index: int) -> _Level:
    return use.overrides.get(index) or use.definition.levels.get(index) or _Level()


def _index(element: Element) -> int:
    text = element.get(f"{W}ilvl", "0")
    return int(text) if text.isdecimal() and len(text) < 3 else 0


def _level(element: Element) -> _Level:
    restart = element.find(f"{W}lvlRestart")
    legal = element.find(f"{W}isLgl")
    return _Level(
        value(element.find(f"{W}pStyle")),
        value(element.find(f"{W}numFmt")) or "decimal",
        value(element.find(f"{W}lvlText")),
        number(element.find(f"{W}start"), 0 if element.find(f"{W}start") is None else 1),
        None if restart is None else number(restart, 0),
        legal is not None and value(legal) not in ("0", "false", "off"),
    )


def _written(count: int, kind: str) -> str:
    match kind:
        case "none":
            return ""
        case "decimalZero":
            return f"{count:02}"
        case "lowerLetter" | "upperLetter":
            letters = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1) if 0 < count < 1000 else str(count)
            return letters.upper() if kind == "upperLetter" else letters
        case "lowerRoman" | "upperRoman":
            return _roman(count).upper() if kind == "upperRoman" else _roman(count)
        case "ordinal":
            teen = 10 < count % 100 < 20
            return f"{count}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(count % 10, 'th')}"
        case _:
            return str(count)


def _roman(count: int) -> str:
    if not 0 < count < 4000:
        return str(count)
    written = ""
    for amount, sign in _ROMAN:
        written += sign * (count // amount)
        count %= amount
    return written
