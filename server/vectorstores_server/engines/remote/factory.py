"""The way from the operator's choice to an engine. Nothing is asked of the network before the first call."""

import logging

import httpx

from vectorstores_server.engines.remote.dialects import DIALECTS, Dialect, dialect_of
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.http.address import RemoteAddress, RemoteChoice, address_of
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import InvalidRequest

log = logging.getLogger(__name__)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def open_remote(
    choice: RemoteChoice, transport: httpx.AsyncBaseTransport | None = None, *, tells_paths: bool = True
) -> RemoteEngine:
    """Return the engine, to be closed by the caller. Raises InvalidRequest where a setting is wrong."""
    dialect = chosen_dialect(choice)
    address = address_of(choice, keep_alive=dialect.keep_alive)
    _warn_of_plain_text(address)
    return RemoteEngine(RemoteClient(address, transport), dialect, tells_paths=tells_paths)


def chosen_dialect(choice: RemoteChoice) -> Dialect:
    """Return the dialect that was named; with "auto" the address decides. Raises InvalidRequest."""
    if choice.dialect == "auto":
        return dialect_of(choice.base_url)
    for name, dialect in DIALECTS.items():
        if name == choice.dialect:
            return dialect
    raise InvalidRequest(f"There is no dialect of that name; there are auto, {', '.join(DIALECTS)}.", "Set one.")


def _warn_of_plain_text(address: RemoteAddress) -> None:
    url = httpx.URL(address.base_url)
    if url.scheme == "http" and address.secrets and url.host not in LOOPBACK:
        log.warning(
            "The key goes to %s unencrypted; use an https address if there is one",
            url.host,
            extra=event("key_unencrypted", host=url.host),
        )
