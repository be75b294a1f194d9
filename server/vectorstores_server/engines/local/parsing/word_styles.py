"""The styles of a Word document: which paragraphs are headings, titles, items of a list."""

import re
from xml.etree.ElementTree import Element

from vectorstores_server.engines.local.parsing.word_numbering import W, number, value

_HEADING_STYLE = re.compile(r"heading (\d)\b", re.IGNORECASE)

__all__ = ["W", "WordStyles", "has_outline", "list_of", "value"]


class WordStyles:
    """The styles by id: `levels` of headings, ids of `titles`, `lists` as list_of gives them."""

    def __init__(self, root: Element | None) -> None:
        found = root.findall(f"{W}style") if root is not None else []
        self._styles = {style.get(f"{W}styleId", ""): style for style in found}
        self.levels: dict[str, int] = {}
        self.titles: set[str] = set()
        self.lists: dict[str, tuple[str | None, int | None]] = {}
        self.default = ""
        for style_id, style in self._styles.items():
            self._read(style_id, style)

    def _read(self, style_id: str, style: Element) -> None:
        if style.get(f"{W}default") in ("1", "true") and style.get(f"{W}type", "paragraph") == "paragraph":
            self.default = style_id
        if _name(style) == "title":
            self.titles.add(style_id)
        use: str | None = None
        at: int | None = None
        for ancestor in self._ancestors(style_id):
            named = _HEADING_STYLE.match(_name(ancestor))
            level = int(named[1]) if named else has_outline(ancestor)
            if level and style_id not in self.levels:
                self.levels[style_id] = max(1, level)
            found, found_at = list_of(ancestor)
            use, at = use if use is not None else found, at if at is not None else found_at
        if use:
            self.lists[style_id] = use, at

    def _ancestors(self, style_id: str) -> list[Element]:
        """Return the style and the styles that it is based on, one after the other."""
        found: list[Element] = []
        seen: set[str] = set()
        while style_id in self._styles and style_id not in seen and len(seen) < 50:
            seen.add(style_id)
            found.append(self._styles[style_id])
            style_id = value(self._styles[style_id].find(f"{W}basedOn"))
        return found


def has_outline(owner: Element) -> int | None:
    """Return the level from 1 that a paragraph or style states; Word counts from 0 and calls 9 body text."""
    level = number(owner.find(f"{W}pPr/{W}outlineLvl"), 9)
    return level + 1 if 0 <= level < 9 else None


def list_of(owner: Element) -> tuple[str | None, int | None]:
    """Return the list that a paragraph or style states, "0" for none, and the level in it."""
    properties = owner.find(f"{W}pPr/{W}numPr")
    if properties is None:
        return None, None
    level = properties.find(f"{W}ilvl")
    return value(properties.find(f"{W}numId")) or None, None if level is None else number(level, 0)


def _name(style: Element) -> str:
    return value(style.find(f"{W}name")).strip().lower()
