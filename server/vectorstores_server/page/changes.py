"""Changes by the page's scripts: taken only from a page of this server, with the token of its session."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vectorstores_server.page.sessions import PageSessions, is_same_origin
from vectorstores_server.page.views import PageParts, View
from vectorstores_tools.contract.engine import NewFile
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed, VectorStoreError
from vectorstores_tools.contract.requests import Attributes, FileAttach

CHANGE_HEADER = "x-change-token"
LONGEST_NAME = 255
LONGEST_PATH = 512
"""Characters of a value of an attribute."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Changes:
    """Wraps /v1 for the page's scripts: a change must come from this session's own page."""

    def __init__(self, app: ASGIApp, sessions: PageSessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["method"] not in READING:
            try:
                check_change(Headers(scope=scope), scope["state"], self._sessions)
            except NotAllowed as error:
                await _refused(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def check_change(headers: Headers, state: Mapping[str, Any], sessions: PageSessions) -> None:
    """Raise NotAllowed unless a change comes from a page of this server and this session."""
    if not is_same_origin(headers):
        raise NotAllowed("This came from another page.", "Open the address of this server yourself and try again.")
    if not sessions.may_change(state.get("page_session"), headers.get(CHANGE_HEADER, "")):
        raise NotAllowed("The page is older than the server.", "Load it again.", code="change_token")


class FileReceiver:
    """Takes one file for a store: its bytes are the body, so that nothing is kept of one that breaks off."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    @property
    def endpoint(self) -> View:
        """The endpoint: errors are answered in /v1's form."""

        async def answer(request: Request) -> Response:
            try:
                return await self._take(request)
            except VectorStoreError as error:
                return _refused(error)

        return answer

    async def _take(self, request: Request) -> Response:
        check_change(request.headers, request.scope["state"], self._parts.sessions)
        engine, store_id = self._parts.engine_of(request), request.path_params["store_id"]
        filename = request.query_params.get("filename", "").strip()
        if not 0 < len(filename) <= LONGEST_NAME:
            raise InvalidRequest(f"A file's name has 1 to {LONGEST_NAME} characters.", param="filename")
        await engine.retrieve_store(store_id)
        declared = request.headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() else None
        file = await engine.create_file(NewFile(filename, request.stream(), size=size))
        try:
            attached = await engine.attach_file(store_id, _attach(file.id, request.query_params.get("path", "")))
        except VectorStoreError:
            await engine.delete_file(file.id)
            raise
        return JSONResponse({"id": file.id, "status": attached.status})


def _attach(file_id: str, path: str) -> FileAttach:
    """Return the request that attaches a file; one of a folder keeps its path there as an attribute, for filters."""
    if not 0 < len(path) <= LONGEST_PATH:
        return FileAttach(file_id=file_id)
    attributes: Attributes = {"path": path}
    return FileAttach(file_id=file_id, attributes=attributes)


def _refused(error: VectorStoreError) -> Response:
    facts = {"message": str(error), "type": error.type, "param": error.param, "code": error.code}
    return Response(json.dumps({"error": facts}), error.status, media_type="application/json")
