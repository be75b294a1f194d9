"""Office packages (OPC): their parts, how these relate, and what each is.

A package is opened here rather than by a library of one format, because those refuse a whole file for one odd part: a
template's content type, the strict namespaces, a style without a type. Names of parts are compared without case, and
strict namespaces are read as the transitional ones, so that a reader knows one name of each element.
"""

import io
import posixpath
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from vectorstores_server.engines.local.parsing.errors import DAMAGE
from vectorstores_server.engines.local.parsing.properties import Properties, properties

R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_STRICT = re.compile(rb"""(?<=["'])http://purl\.oclc\.org/ooxml/(\w+)/(\w+)""")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"
_MAIN_PARTS = ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml")


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that a part names by an id: the last word of its type ("chart"), and the other part."""

    kind: str
    target: str


class OfficePackage:
    """One opened package. A part that is missing or damaged raises one of the errors in DAMAGE."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.replace("\\", "/").lower(): name for name in archive.namelist()}
        self._relations: dict[str, dict[str, Relation]] = {}

    def data(self, part: str) -> bytes:
        """Return the bytes of a part."""
        return self._archive.read(self._names[part.lower()])

    def xml(self, part: str) -> Element:
        """Return a part's root element."""
        return parsed_xml(self.data(part))

    def is_strict(self, part: str) -> bool:
        """Tell whether a part is written with the strict namespaces."""
        return _STRICT.search(self.data(part)) is not None

    def relations(self, part: str) -> dict[str, Relation]:
        """Return the parts that `part` relates to inside the package, by id; none where that cannot be read."""
        if part not in self._relations:
            self._relations[part] = self._read_relations(part)
        return self._relations[part]

    def related(self, part: str, *kinds: str) -> list[str]:
        """Return the parts that `part` relates to in one of these ways."""
        return [relation.target for relation in self.relations(part).values() if relation.kind in kinds]

    def main_part(self) -> str:
        """Return the part that the package is about: by its relationship, its content type, its usual name."""
        stated = [part for part in self.related("", "officeDocument") if part.lower() in self._names]
        usual = [part for part in _MAIN_PARTS if part in self._names]
        for part in (*stated, *self._main_by_content_type(), *usual):
            return part
        raise KeyError("the package names no main part")

    def title(self) -> str | None:
        """Return the title among the package's properties."""
        return self._property("title")

    def properties(self) -> Properties:
        """Return the author and the dates of the document, as the package says them."""
        written = self._property("created") or self._property("modified") or ""
        return properties([self._property("creator") or ""], written)

    def _property(self, name: str) -> str | None:
        for part in self.related("", "core-properties"):
            try:
                return self.xml(part).findtext(f"{{*}}{name}")
            except DAMAGE:
                return None
        return None

    def _main_by_content_type(self) -> list[str]:
        try:
            types = self.xml("[Content_Types].xml")
        except DAMAGE:
            return []
        overrides = ((found.get("PartName", ""), found.get("ContentType", "")) for found in types)
        parts = (name.lstrip("/") for name, kind in overrides if re.search(r"\.main(\+xml)?$", kind))
        return [part for part in parts if part.lower() in self._names]

    def _read_relations(self, part: str) -> dict[str, Relation]:
        folder, name = posixpath.split(part)
        try:
            root = self.xml(posixpath.join(folder, "_rels", f"{name}.rels"))
        except DAMAGE:
            return {}
        found: dict[str, Relation] = {}
        for entry in root:
            target = unquote(entry.get("Target", "")).replace("\\", "/")
            if target and entry.get("TargetMode") != "External":
                whole = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                found[entry.get("Id", "")] = Relation(entry.get("Type", "").rpartition("/")[2], whole)
        return found


def transitional(path: Path) -> bytes:
    """Return the package at `path` with transitional namespaces instead of the strict ones."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as strict, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in strict.namelist():
            if name.lower().endswith((".xml", ".rels")):
                made.writestr(name, _STRICT.sub(_TRANSITIONAL, strict.read(name)))
    return out.getvalue()


def parsed_xml(data: bytes) -> Element:
    """Return the root of some XML, its strict namespaces read as the transitional ones."""
    if b"purl.oclc.org" in data:
        data = _STRICT.sub(_TRANSITIONAL, data)
    return ElementTree.fromstring(data)  # noqa: S314  # Expat limits what entities expand to, and fetches none
