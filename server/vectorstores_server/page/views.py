"""The base of every view: the engine, the session, the visitor, and one way to answer, errors included."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from vectorstores_server.bounds.engine import seen_within
from vectorstores_server.calls.ring import CallRing
from vectorstores_server.page.opening import OneTimeTokens
from vectorstores_server.page.rendering import HEADERS, environment
from vectorstores_server.page.sessions import PageSession, PageSessions
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import VectorStoreError

View: TypeAlias = Callable[[Request], Awaitable[Response]]


class Visitor(Protocol):
    """The visitor, as the guard knows them."""

    @property
    def name(self) -> str:
        """The name in logs."""
        ...

    @property
    def read_only(self) -> bool:
        """True where they may change nothing."""
        ...

    @property
    def bounds(self) -> StoreBounds | None:
        """The bounds of what they see; None where they see every store."""
        ...


@dataclass(frozen=True, slots=True)
class PageParts:
    """The parts that all views share. `signs_in`: tokens are set; `read_only`: nobody changes anything here.

    `ring` has the last calls of tools, None where they are not kept; `once` makes tokens for the owner.
    """

    engine: Engine
    sessions: PageSessions
    signs_in: bool = False
    read_only: bool = False
    ring: CallRing | None = None
    once: OneTimeTokens | None = None
    templates: Environment = field(default_factory=environment)

    def engine_of(self, request: Request) -> Engine:
        """Return the engine as the visitor sees it."""
        visitor: Visitor = request.state.caller
        return seen_within(self.engine, visitor.bounds)

    def may_change(self, request: Request) -> bool:
        """Tell whether the visitor may change something."""
        visitor: Visitor = request.state.caller
        return not self.read_only and not visitor.read_only

    def html(self, request: Request, template: str, status: int = 200, /, **facts: Any) -> Response:
        """Return a view; a browser without a session gets one."""
        known = session_of(request)
        session = known or PageSession()
        shared = {
            "change_token": self.sessions.change_token(session),
            "may_change": self.may_change(request),
            "signed_in": self.signs_in and bool(session.token),
            "at": request.url.path,
            "shows_calls": self.ring is not None,
        }
        body = self.templates.get_template(template).render(**shared, **facts)
        cookie: Mapping[str, str] = {} if known else self.sessions.cookie(session, request.headers)
        return HTMLResponse(body, status, {**HEADERS, **cookie})

    def view(self, answer: View) -> View:
        """Return the endpoint of a view: an error of the engine is a page too."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            except VectorStoreError as error:
                return self.html(request, "error.html", error.status, fact=error.fact, kind=error.status)

        return endpoint


def session_of(request: Request) -> PageSession | None:
    """Return the session whose cookie came along, which the guard has read."""
    return getattr(request.state, "page_session", None)
