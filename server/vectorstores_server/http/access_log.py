"""The access log: one event for each finished request. No query string, no header, no token."""

import json
import logging
from dataclasses import dataclass

from vectorstores_server.http.policy import OPERATIONS
from vectorstores_server.system.logs import Field, event
from vectorstores_tools.contract.characters import line

log = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499
LONGEST_PATH = 200
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class FinishedRequest:
    """One finished request. `error` names the exception that ended it; `stream`: it listened, and did no work."""

    method: str
    path: str
    status: int
    seconds: float
    caller: str
    request_id: str
    client: str | None = None
    stream: bool = False
    error: str | None = None


def write(request: FinishedRequest) -> None:
    """Log a request; one that only checks on the server is logged at level debug, unless it fails."""
    fields: dict[str, Field] = {
        "request_id": request.request_id,
        "method": line(request.method, LONGEST_NAME),
        "path": line(request.path, LONGEST_PATH),
        "status": request.status,
        "ms": round(request.seconds * 1e3, 1),
        "caller": line(request.caller, LONGEST_NAME),
        "client": line(request.client or "", LONGEST_NAME) or None,
        **({"error": request.error} if request.error else {}),
    }
    quiet = request.path in OPERATIONS and request.status < 400
    log.log(logging.DEBUG if quiet else logging.INFO, "%s", json.dumps(fields), extra=event("request", **fields))
