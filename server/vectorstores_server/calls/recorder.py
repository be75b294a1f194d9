"""The recorder of calls: it keeps them in memory, and a thread writes them once a second at most, so no call waits."""

import logging
import sqlite3
import threading
from collections import deque

from vectorstores_server.calls.ring import KEPT, CallRecord, CallRing
from vectorstores_server.settings import Settings
from vectorstores_server.system.logs import event

SECONDS_BETWEEN = 1.0

log = logging.getLogger(__name__)


class CallRecorder:
    """Takes calls for a ring. At most KEPT wait; where writing fails they wait for the next time."""

    def __init__(self, ring: CallRing, seconds: float = SECONDS_BETWEEN) -> None:
        self.ring = ring
        self._seconds = seconds
        self._waiting: deque[CallRecord] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def note(self, call: CallRecord) -> None:
        """Keep a call to be written soon."""
        with self._lock:
            self._waiting.append(call)
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the calls that wait."""
        with self._lock:
            self._timer = None
            calls = list(self._waiting)
            self._waiting.clear()
        if not calls:
            return
        try:
            self.ring.append(calls)
        except (OSError, sqlite3.Error) as error:
            log.debug("Calls could not be written: %s", error, extra=event("calls_unwritten", calls=len(calls)))
            with self._lock:
                self._waiting.extendleft(reversed(calls[-(KEPT - len(self._waiting)) :]))


def recorder_for(settings: Settings) -> CallRecorder | None:
    """Return the recorder of a process; None where nothing may be written, or the operator does not want it."""
    return (
        CallRecorder(CallRing(settings.storage.data)) if settings.calls.keep and not settings.agents.read_only else None
    )
