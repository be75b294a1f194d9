"""Errors for requests that got no answer: why, and what to do about it."""

import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager

import httpx

from vectorstores_server.system.replies import RefusedReplyError
from vectorstores_tools.contract.errors import RateLimited, Unavailable

UNSURE = "Try again; what it began may go on there."
LATER = "Try again in a moment."


def from_transport(error: httpx.TransportError, host: str, only_read: bool = False) -> Unavailable:
    """Return the error for a request that got no answer. The words of the libraries are not shown."""
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Unavailable(
            f"{host} shows a certificate that this machine does not trust.",
            "Check VECTOR_STORES_REMOTE_BASE_URL; SSL_CERT_FILE names a file with an authority of your own.",
        )
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Unavailable(
            f"The name {host} cannot be resolved.", "Check VECTOR_STORES_REMOTE_BASE_URL and the network."
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes) and isinstance(error, httpx.ConnectError):
        return Unavailable(f"{host} does not speak TLS.", "Check VECTOR_STORES_REMOTE_BASE_URL: is it http:// there?")
    return _by_kind(error, host, LATER if only_read else UNSURE)


@contextmanager
def going_on(**ids: str) -> Generator[None]:
    """Let the error name the call that reads the state of work later, where the remote cannot be asked now."""
    try:
        yield
    except (Unavailable, RateLimited) as error:
        call = ", ".join(f"{name}='{id}'" for name, id in ids.items())
        kept = f"What was uploaded stays there: retrieve({call}) goes on once it answers."
        raise type(error)(error.fact, f"{error.next} {kept}".strip(), code=error.code) from None


def _by_kind(error: httpx.TransportError, host: str, then: str) -> Unavailable:
    match error:
        case RefusedReplyError():
            return Unavailable(f"{host} {error}.", "Check VECTOR_STORES_REMOTE_BASE_URL, and any proxy on the way.")
        case httpx.ProxyError():
            return Unavailable(f"The proxy on the way to {host} refuses.", "Check HTTPS_PROXY and NO_PROXY.")
        case httpx.PoolTimeout():
            return Unavailable(f"There are too many calls to {host} at once.", LATER)
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return Unavailable(
                f"{host} cannot be reached.", "Check VECTOR_STORES_REMOTE_BASE_URL and that the service runs."
            )
        case httpx.WriteTimeout():
            return Unavailable(f"{host} stopped taking what was sent.", then)
        case httpx.TimeoutException():
            return Unavailable(f"{host} did not answer in time.", then)
        case _:
            return Unavailable(f"The connection to {host} broke.", then)


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    return causes
