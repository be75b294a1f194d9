"""Signing in and out: a token is typed once and kept in a cookie; guesses are slowed down."""

from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import TypeAlias

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from vectorstores_server.page import paths
from vectorstores_server.page.guesses import GuessLimit
from vectorstores_server.page.opening import OWNER
from vectorstores_server.page.sessions import LONGEST_TOKEN, PageSession, is_same_origin
from vectorstores_server.page.views import PageParts, Visitor, session_of
from vectorstores_tools.contract.errors import NotAllowed, RateLimited

Checks: TypeAlias = Callable[[str], Awaitable[bool]]
"""Tells whether a token is good."""
CHANGE_FIELD = "change_token"
FOREIGN = ("This came from another page.", "Open the address of this server yourself and try again.")


class SignIn:
    """Takes a token, and forgets it again."""

    def __init__(self, parts: PageParts, checks: Checks, guesses: GuessLimit | None = None) -> None:
        self._parts = parts
        self._checks = checks
        self._guesses = guesses or GuessLimit()

    async def form(self, request: Request) -> Response:
        """Show the form; where no token is needed there is nothing to sign in to."""
        if not self._parts.signs_in:
            return _to(paths.ROOT)
        given, once = request.query_params.get("once", ""), self._parts.once
        if not given or once is None:
            return self._form(request)
        if not once.take(given):
            return self._form(request, "This address was good once. `vector-stores-mcp open` gives a new one.", 401)
        return _to(paths.ROOT, self._parts.sessions.cookie(PageSession(token=once.secret), request.headers))

    async def invite(self, request: Request) -> Response:
        """Return an address that is good once, to the owner alone."""
        visitor: Visitor = request.state.caller
        if self._parts.once is None or visitor.name != OWNER:
            raise NotAllowed("Only the owner of the data directory is let in this way.")
        return JSONResponse({"address": f"{paths.SIGN_IN}?once={self._parts.once.issue()}"})

    async def enter(self, request: Request) -> Response:
        """Check a token and keep it in the browser's cookie."""
        if not is_same_origin(request.headers):
            raise NotAllowed(*FOREIGN)
        address = request.client.host if request.client else ""
        if wait := self._guesses.wait(address):
            return self._wait(request, wait)
        form = await _fields(request)
        token = str(form.get("token", "")).strip()
        if not _is_token(token) or not await self._checks(token):
            self._guesses.wrong(address)
            return self._form(request, "This token is not known here.", 401)
        if len(token) > LONGEST_TOKEN:
            return self._form(request, f"This token is longer than the {LONGEST_TOKEN} characters a cookie keeps.", 400)
        self._guesses.right(address)
        cookie = self._parts.sessions.cookie(PageSession(token=token), request.headers)
        return _to(paths.after_sign_in(str(form.get("next", ""))), cookie)

    async def leave(self, request: Request) -> Response:
        """Take the cookie away again."""
        form = await _fields(request)
        given = str(form.get(CHANGE_FIELD, ""))
        if not is_same_origin(request.headers) or not self._parts.sessions.may_change(session_of(request), given):
            raise NotAllowed(*FOREIGN)
        return _to(paths.SIGN_IN, self._parts.sessions.forget(request.headers))

    def _form(self, request: Request, problem: str = "", status: int = 200) -> Response:
        target = paths.after_sign_in(request.query_params.get("next", ""))
        return self._parts.html(request, "sign_in.html", status, problem=problem, target=target)

    def _wait(self, request: Request, seconds: float) -> Response:
        error = RateLimited(f"Too many wrong tokens. Try again in {ceil(seconds)} seconds.")
        reply = self._form(request, error.fact, error.status)
        reply.headers["retry-after"] = str(ceil(seconds))
        return reply


async def _fields(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=4)


def _is_token(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _to(address: str, cookie: Mapping[str, str] | None = None) -> Response:
    return RedirectResponse(address, 303, headers={"cache-control": "no-store", **(cookie or {})})
