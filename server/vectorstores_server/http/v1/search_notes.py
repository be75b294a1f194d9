"""Notes of each search over /v1 for the page, beside the calls of tools; no reply waits for them."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request

from vectorstores_server.calls.ring import LONGEST_NAME, LONGEST_QUERY, CallRecord, on_one_line
from vectorstores_server.http.v1.dependencies import CALLS
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import VectorStoreError

if TYPE_CHECKING:
    from vectorstores_server.calls.recorder import CallRecorder

TOOL = "search (/v1)"
"""The name in the place of a tool's."""


@dataclass(slots=True)
class SearchNote:
    """The outcome of a search: the number of hits, or the code of the error."""

    hits: int | None = None
    error: str = ""


@contextmanager
def noted(request: Request, store_id: str, queries: Any) -> Generator[SearchNote]:
    """Note the search that runs inside, where calls are kept."""
    recorder: CallRecorder | None = request.scope["state"][CALLS]
    note, began, at = SearchNote(error="error"), time.perf_counter(), time.time()
    try:
        yield note
        note.error = ""
    except VectorStoreError as error:
        note.error = line(error.code or "error", LONGEST_NAME)
        raise
    finally:
        if recorder is not None:
            milliseconds = round(1e3 * (time.perf_counter() - began), 1)
            recorder.note(_record(request, store_id, queries, note, at, milliseconds))


def _record(
    request: Request, store_id: str, queries: Any, note: SearchNote, at: float, milliseconds: float
) -> CallRecord:
    return CallRecord(
        at=at,
        process=os.getpid(),
        caller=line(request.state.caller.name, LONGEST_NAME),
        tool=TOOL,
        store=on_one_line(store_id, LONGEST_NAME),
        query=on_one_line(queries, LONGEST_QUERY),
        milliseconds=milliseconds,
        hits=note.hits,
        error=note.error,
    )
