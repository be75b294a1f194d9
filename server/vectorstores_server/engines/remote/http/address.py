"""The remote's address and credentials: from the operator's words to a base URL, headers and parameters.

Sources: the headers of openai 3.52; Azure's REST reference (`api-key`, `api-version`); the guides of Yandex AI Studio
(`Api-Key`, the folder in OpenAI-Project).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from vectorstores_tools.contract.errors import InvalidRequest

Auth = Literal["bearer", "azure-api-key", "yandex-api-key"]
PARAMETERS = frozenset({"api-version"})
"""The parameters that may stand in a base URL; anything else could be a secret that a log shows."""
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection"})
EXTENDED = ("X-Vector-Stores-Extended", "1")
"""Asks another vector-stores-mcp for citations; others do not know it."""


@dataclass(frozen=True, slots=True)
class RemoteChoice:
    """The operator's choice. `dialect` is a name of `dialects`, or "auto". Secrets never show in a repr."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    project: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    auth: Auth = "bearer"
    dialect: str = "auto"


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """The remote's address and credentials. `secrets` are the strings that nothing may show."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    keep_alive: bool = True
    secrets: frozenset[str] = field(repr=False, default_factory=frozenset[str])


def address_of(choice: RemoteChoice, *, keep_alive: bool = True) -> RemoteAddress:
    """Return the address. Raises InvalidRequest, which names the setting to mend and never shows a value."""
    url = _checked(choice.base_url)
    given = {**_credentials(choice), **_project(choice), EXTENDED[0]: EXTENDED[1]}
    own = {_name(name): _value(value, "VECTOR_STORES_REMOTE_HEADERS") for name, value in choice.headers.items()}
    replaced = {name.lower() for name in own}
    headers = {name: value for name, value in given.items() if name.lower() not in replaced} | own
    base_url = urlunsplit((url.scheme, url.netloc, url.path.rstrip("/"), "", ""))
    secrets = frozenset(value for value in (choice.api_key, *own.values()) if value and len(value) >= 8)
    return RemoteAddress(base_url, headers, _parameters(url), keep_alive, secrets)


def read_headers(text: str) -> dict[str, str]:
    """Return the headers of "Name: value, Name: value". Raises InvalidRequest."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, value = part.partition(":")
        if not colon:
            raise InvalidRequest(
                "VECTOR_STORES_REMOTE_HEADERS cannot be read.", "Write it as 'Name: value, Name: value'."
            )
        found[_name(name.strip())] = _value(value.strip(), "VECTOR_STORES_REMOTE_HEADERS")
    return found


def _checked(base_url: str) -> SplitResult:
    try:
        url = urlsplit(base_url.strip())
        named = bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        raise _wrong("is not a URL") from None
    if url.scheme not in ("http", "https") or not named:
        raise _wrong("is not an http or https URL")
    if url.username is not None or url.password is not None:
        raise _wrong("holds a user name or password; put secrets into VECTOR_STORES_REMOTE_API_KEY")
    if url.fragment or any(name not in PARAMETERS for name, _ in parse_qsl(url.query, keep_blank_values=True)):
        raise _wrong("may have ?api-version=... behind the path, and nothing else")
    return url


def _wrong(fault: str) -> InvalidRequest:
    return InvalidRequest(
        f"VECTOR_STORES_REMOTE_BASE_URL {fault}.",
        "Write the whole address of the API, as in https://api.openai.com/v1.",
    )


def _parameters(url: SplitResult) -> dict[str, str]:
    return dict(parse_qsl(url.query, keep_blank_values=True))


def _credentials(choice: RemoteChoice) -> dict[str, str]:
    if choice.api_key is None:
        return {}
    if not choice.api_key:
        raise InvalidRequest(
            "VECTOR_STORES_REMOTE_API_KEY (or the file of VECTOR_STORES_REMOTE_API_KEY_FILE) is empty.",
            "Write the key there, or unset the variable where none is needed.",
        )
    key = _value(choice.api_key, "VECTOR_STORES_REMOTE_API_KEY")
    match choice.auth:
        case "azure-api-key":
            return {"api-key": key}
        case "yandex-api-key":
            return {"Authorization": f"Api-Key {key}"}
        case "bearer":
            return {"Authorization": f"Bearer {key}"}


def _project(choice: RemoteChoice) -> dict[str, str]:
    return {"OpenAI-Project": _value(choice.project, "VECTOR_STORES_REMOTE_PROJECT")} if choice.project else {}


def _name(name: str) -> str:
    if not HEADER_NAME.fullmatch(name) or name.lower() in OURS:
        raise InvalidRequest(
            "VECTOR_STORES_REMOTE_HEADERS names a header that cannot be set.", "Write it as 'Name: value, Name: value'."
        )
    return name


def _value(value: str, setting: str) -> str:
    """Refuse here what cannot stand in a header: the library's own error would show it."""
    if not (value.isascii() and value.isprintable() and value.strip() == value):
        raise InvalidRequest(f"{setting} holds a character that a header cannot have.", "Set it again, on one line.")
    return value
