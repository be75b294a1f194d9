"""The access log: one line of JSON for each finished request. No query string, no header, no token."""

import json
import logging
from dataclasses import dataclass

from vectorstores_server.http.policy import OPERATIONS

log = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499
LONGEST_PATH = 200


@dataclass(frozen=True, slots=True)
class Seen:
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


def write(seen: Seen) -> None:
    """Log it; what only looks after the server is logged at level debug, unless it fails."""
    line = {
        "request_id": seen.request_id,
        "method": seen.method,
        "path": seen.path[:LONGEST_PATH],
        "status": seen.status,
        "ms": round(seen.seconds * 1e3, 1),
        "caller": seen.caller,
        "client": seen.client,
        **({"error": seen.error} if seen.error else {}),
    }
    quiet = seen.path in OPERATIONS and seen.status < 400
    log.log(logging.DEBUG if quiet else logging.INFO, "%s", json.dumps(line))
