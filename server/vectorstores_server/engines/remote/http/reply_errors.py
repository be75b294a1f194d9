"""The meaning of a remote's error replies: one function from any of the known bodies to the tree of errors.

Bodies: {"error": {message, type, param, code}}, {"error": {"message"}}, {"error": {"detail"}}, {"error": "text"},
{"detail": text or list}, {"status", "title", "detail"}, {"code", "message"}, plain text, a page of HTML
(reference: OGX, LiteLLM, Yandex and Azure as they were observed).
"""

import re
from typing import Any, cast

import httpx

from vectorstores_server.engines.http_retries import out_of_quota
from vectorstores_tools.contract.errors import (
    BatchNotFound,
    Conflict,
    FileNotFound,
    FileNotInStore,
    InvalidRequest,
    NotAllowed,
    NotFound,
    NotReady,
    NotSupported,
    RateLimited,
    Refused,
    StoreNotFound,
    TooLarge,
    Unavailable,
    UploadNotFound,
    VectorStoreError,
)

KEY_LIKE = re.compile(r"\b(?:sk|pk|AQVN|t1)[-_.*\w]{8,}|(?i:bearer)\s+\S+")
MISSING_FILE = re.compile(r"No such File object: ([^\s.,]+)")
HTML = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
HTML_PAGE = "an HTML page"
LONGEST = 400
MISSING = re.compile(
    r"not found|no such|\bno [a-z ]{1,30} found|does not exist"
    # A string that cannot be an id is the id of nothing.
    r"|Expected an ID that|Invalid value for '(?:vector_store|file|batch)_id'",
    re.IGNORECASE,
)


class NoRoute(NotFound):
    """The service does not know the path itself."""


class Subject:
    """The objects that a request was about: they tell which of them a 404 means."""

    def __init__(self, store_id: str = "", file_id: str = "", batch_id: str = "", upload_id: str = "") -> None:
        self.store_id, self.file_id, self.batch_id, self.upload_id = store_id, file_id, batch_id, upload_id

    def __bool__(self) -> bool:
        return bool(self.store_id or self.file_id or self.batch_id or self.upload_id)

    def not_found(self, reason: str) -> NotFound:
        """Return the error for the object that is missing; the remote's words decide where two ids were sent."""
        if self.upload_id:
            return UploadNotFound(self.upload_id)
        if missing := MISSING_FILE.search(reason):
            return FileNotFound(missing[1])
        names_part = any(part and part in reason for part in (self.file_id, self.batch_id))
        about_store = "store" in reason.lower() and self.store_id in reason and not names_part
        if self.batch_id and not about_store:
            return BatchNotFound(self.batch_id, self.store_id)
        if self.file_id and self.store_id and not about_store:
            return FileNotInStore(self.file_id, self.store_id)
        if self.file_id and not self.store_id:
            return FileNotFound(self.file_id)
        return StoreNotFound(self.store_id) if self.store_id else NotFound(reason or "Not found.")


def from_reply(reply: httpx.Response, host: str, subject: Subject) -> VectorStoreError:
    """Return the error that this reply means."""
    status = reply.status_code
    reason, param, code = _read(reply)
    if 300 <= status < 400:
        return Unavailable(
            f"{host} redirects elsewhere, and the key is not sent there.",
            "Put the final address into VECTOR_STORES_REMOTE_BASE_URL.",
        )
    if status == 404 or (status == 400 and MISSING.search(reason)):
        return _missing(subject, reason, host)
    simple = _by_status(reply, reason, host)
    if simple is not None:
        return simple
    if status >= 500:
        return Unavailable(f"{host} failed with status {status}: {reason}", "Try again in a moment.")
    if code in (NotReady.code, NotSupported.code):
        return (NotReady if code == NotReady.code else NotSupported)(reason, param=param)
    return InvalidRequest(reason or f"{host} refused the request with status {status}.", param=param, code=code)


def redact(text: str) -> str:
    """Return the text without anything that looks like a key, and not longer than a line or two."""
    clean = KEY_LIKE.sub("[key]", " ".join(text.split()))
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 3] + "..."


def _missing(subject: Subject, reason: str, host: str) -> VectorStoreError:
    if reason in ("", "Not found", "Not Found", HTML_PAGE):
        return NoRoute(
            f"{host} has no such route.",
            "Check that VECTOR_STORES_REMOTE_BASE_URL ends in /v1 (or what it uses instead).",
        )
    return subject.not_found(reason)


def _by_status(reply: httpx.Response, reason: str, host: str) -> VectorStoreError | None:
    status = reply.status_code
    if status == 401:
        return Refused(
            f"{host} refused the key.",
            "Check VECTOR_STORES_REMOTE_API_KEY (or VECTOR_STORES_REMOTE_API_KEY_FILE) and VECTOR_STORES_REMOTE_AUTH.",
        )
    if status == 403:
        return NotAllowed(f"{host} does not allow this: {reason}", "Check what the key may do.")
    if out_of_quota(reply):
        return RateLimited(f"The quota at {host} is used up.", "Check its plan and billing.", code="insufficient_quota")
    if status == 429:
        return RateLimited(f"{host} takes no more requests now.", "Try again in a minute.")
    if status == 413:
        return TooLarge(f"{host} does not take a body of that size.", "Send a smaller file.")
    if status == 409:
        return Conflict(reason or f"{host} reports a conflict.", "Retrieve the object and look at its status.")
    return None


def _read(reply: httpx.Response) -> tuple[str, str | None, str | None]:
    """Return message, param and code."""
    try:
        body: Any = reply.json()
    except ValueError:
        return (redact(reply.text) if not HTML.search(reply.text) else HTML_PAGE), None, None
    inner: Any = _object(body).get("error", body)
    if isinstance(inner, str):
        return redact(inner), None, None
    fields = _object(inner)
    message = fields.get("message") or fields.get("detail") or fields.get("title") or ""
    code, param = fields.get("code"), fields.get("param")
    return (
        redact(message if isinstance(message, str) else str(message)),
        param if isinstance(param, str) else None,
        code if isinstance(code, str) else None,
    )


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
