"""Mail (.eml): the headers that matter, each text decoded in its place, attachments named in notes."""

import re
from dataclasses import replace
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.utils import parseaddr
from pathlib import Path
from typing import Any, cast

from vectorstores_server.engines.local.parsing.charset import decode
from vectorstores_server.engines.local.parsing.document import Document
from vectorstores_server.engines.local.parsing.document_builder import DocumentBuilder, one_part
from vectorstores_server.engines.local.parsing.errors import DAMAGE
from vectorstores_server.engines.local.parsing.html import add_html
from vectorstores_server.engines.local.parsing.plain_text import without_base64
from vectorstores_server.engines.local.parsing.properties import Properties, properties

_HEADERS = ("From", "To", "Cc", "Date", "Subject")
_MBOX = re.compile(rb"\AFrom [^\n]*\n")


def read_mail(path: Path) -> Document:
    """Read one mail; of alternatives the plain text, or the page where there is none."""
    message = BytesParser(policy=policy.default).parsebytes(_MBOX.sub(b"", path.read_bytes()))
    builder = DocumentBuilder()
    _add_message(builder, message)
    return replace(builder.build(str(message.get("Subject", ""))), properties=_properties(message))


def _properties(message: EmailMessage) -> Properties:
    """Return the sender's name, or the address of one that has none, and the day of the mail."""
    try:
        name, address = parseaddr(str(message.get("From", "")))
        return properties([name or address], str(message.get("Date", "")))
    except DAMAGE:
        return ()


def _add_message(builder: DocumentBuilder, message: EmailMessage) -> None:
    builder.gap()
    for name in _HEADERS:
        with one_part(builder, f"the header {name}"):
            for header in message.get_all(name, []):
                builder.line(f"{name}: {' '.join(str(header).split())}")
    _add_part(builder, message)


def _add_part(builder: DocumentBuilder, part: MIMEPart) -> None:
    """Add the texts of a part in their order, but one of several alternatives; attachments are noted."""
    kind = part.get_content_type()
    if kind == "message/rfc822":
        with one_part(builder, "an attached mail"):
            if isinstance(inner := _content(part), EmailMessage):
                _add_message(builder, cast("EmailMessage", inner))
    elif kind == "multipart/alternative" and part.is_multipart():
        _add_alternative(builder, part)
    elif part.is_multipart():
        for inner_part in _parts(part):
            _add_part(builder, inner_part)
    elif part.get_content_maintype() in ("text", "multipart") and not part.is_attachment():
        with one_part(builder, "the body of the mail"):
            _add_body(builder, part)
    elif name := part.get_filename():
        builder.note(f"attachment not read: {name}")


def _add_alternative(builder: DocumentBuilder, part: MIMEPart) -> None:
    """Add the plain text, or the page where there is none; of all others only the attachments are noted."""
    parts = _parts(part)
    plain = next((form for form in parts if form.get_content_type() == "text/plain"), None)
    body = part.get_body(("html",)) if plain is None else plain
    chosen = next((form for form in parts if body is not None and any(inner is body for inner in form.walk())), None)
    for form in parts:
        if form is chosen or chosen is None:
            _add_part(builder, form)
        else:
            _note_attachments(builder, form)


def _note_attachments(builder: DocumentBuilder, part: MIMEPart) -> None:
    for inner in part.walk():
        if not inner.is_multipart() and (name := inner.get_filename()):
            builder.note(f"attachment not read: {name}")


def _parts(part: Any) -> list[MIMEPart]:
    return list(part.iter_parts())


def _content(part: Any) -> object:
    return part.get_content()


def _add_body(builder: DocumentBuilder, body: MIMEPart) -> None:
    data = cast("object", body.get_payload(decode=True))
    try:
        text = str(body.get_content())
    except (LookupError, ValueError):  # a character set that there is not
        text = decode(data).text if isinstance(data, bytes) else ""
    if body.get_content_type() == "text/html":
        builder.gap()
        add_html(builder, without_base64(text))
    else:
        builder.block(without_base64(text.strip()))
