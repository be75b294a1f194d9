"""Notes of each search over /v1 for the page, beside the calls of tools; no reply waits for them."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request

from vectorstores_server.calls.ring import CallRecord
from vectorstores_server.http.v1.dependencies import CALLS
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
        note.error = error.code or "error"
        raise
    finally:
        if recorder is not None:
            recorder.note(
                CallRecord.of(
                    at,
                    time.perf_counter() - began,
                    caller=request.state.caller.name,
                    tool=TOOL,
                    store=store_id,
                    query=queries,
                    hits=note.hits,
                    error=note.error,
                )
            )
