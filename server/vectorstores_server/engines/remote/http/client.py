"""One pool of connections to the remote: authorised requests, retried where that is safe, errors distinguished."""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote

import anyio
import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from vectorstores_server.engines.http_retries import out_of_quota, seconds_to_wait, surely_not_done, worth_repeating
from vectorstores_server.engines.remote.http.address import EXTENDED, RemoteAddress
from vectorstores_server.engines.remote.http.reply_errors import Subject, from_reply
from vectorstores_server.engines.remote.http.spool import FileRange
from vectorstores_server.engines.remote.http.timeouts import RetryBudget, Timeouts, only_reads
from vectorstores_server.engines.remote.http.transport_errors import from_transport
from vectorstores_server.system.logs import event
from vectorstores_server.system.replies import MOST, PLAIN, RefusedReplyError, bounded
from vectorstores_tools.contract.errors import Unavailable

if TYPE_CHECKING:
    from concurrent.futures import Future

log = logging.getLogger(__name__)

MAX_RETRIES = 2
KEPT_SECONDS = 30.0
"""The time that a connection waits for the next request; one that the service has closed is seen before it is used."""
BETA = {"OpenAI-Beta": "assistants=v2"}
"""The header that openai 3.52 sends with every call below /vector_stores."""
NOBODY = Subject()


@dataclass(frozen=True, slots=True)
class MultipartFile:
    """The file of a multipart body."""

    name: str
    filename: str
    content: FileRange


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request as it was sent, and the reply or the error that there was instead."""

    request: httpx.Request
    outcome: httpx.Response | httpx.TransportError

    def wait(self, attempt: int) -> float | None:
        """Return the seconds to wait after this attempt, counted from 0; None: there is to be no other."""
        return seconds_to_wait(self.outcome if isinstance(self.outcome, httpx.Response) else None, attempt)


def _sent(state: RetryCallState) -> _Sent:
    """Return the outcome of the attempt that has just ended."""
    return cast("Future[_Sent]", state.outcome).result()


class RemoteClient:
    """Sends requests below one base URL. Redirects are not followed: the key would go with them."""

    def __init__(
        self,
        address: RemoteAddress,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        timeouts: Timeouts | None = None,
    ) -> None:
        limits = httpx.Limits(
            max_connections=32,
            max_keepalive_connections=16 if address.keep_alive else 0,
            keepalive_expiry=KEPT_SECONDS,
        )
        self._http = httpx.AsyncClient(
            base_url=address.base_url.rstrip("/") + "/",
            auth=_Opener(address.headers),
            params=dict(address.params),
            limits=limits,
            transport=transport,
            follow_redirects=False,
            headers=PLAIN,
            event_hooks=bounded(),
            trust_env=transport is None,
        )
        self.host = httpx.URL(address.base_url).netloc.decode("ascii")
        self.poll_seconds = 1.0
        self.extended: bool | None = None
        """True where the remote is another vector-stores-mcp, by its last reply; None before the first."""
        self._secret_forms = [form for secret in address.secrets for form in _forms(secret)]
        self._sleep = sleep
        self._timeouts = timeouts or Timeouts()

    async def get(self, path: str, params: Mapping[str, Any] | None = None, about: Subject = NOBODY) -> dict[str, Any]:
        """Read an object."""
        return await self._json(lambda: self._request("GET", path, params=_given(params)), about)

    async def post(
        self, path: str, body: Mapping[str, Any] | None = None, about: Subject = NOBODY, *, repeatable: bool = False
    ) -> dict[str, Any]:
        """Change something; `repeatable` when doing it twice is the same as once."""
        return await self._json(lambda: self._request("POST", path, json=body), about, repeatable=repeatable)

    async def delete(self, path: str, about: Subject = NOBODY) -> dict[str, Any]:
        """Delete an object."""
        return await self._json(lambda: self._request("DELETE", path), about)

    async def send(
        self,
        path: str,
        part: MultipartFile,
        fields: Mapping[str, str],
        about: Subject = NOBODY,
        *,
        repeatable: bool = False,
    ) -> dict[str, Any]:
        """Send a multipart body, its file read as it is sent."""

        def build() -> httpx.Request:
            part.content.seek(0)
            content = cast("IO[bytes]", part.content)
            return self._request("POST", path, data=dict(fields), files={part.name: (part.filename, content)})

        return await self._json(build, about, repeatable=repeatable)

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str], about: Subject
    ) -> AsyncGenerator[tuple[httpx.Response, AsyncIterator[bytes]]]:
        """Open a reply whose body is bytes."""
        unbounded = {MOST: None}
        reply = await self._with_retries(
            lambda: self._request("GET", path, headers=headers, extensions=unbounded), streamed=True
        )
        try:
            if reply.status_code >= 300:
                raise from_reply(self._clean(reply), self.host, about)
            yield reply, reply.aiter_bytes(1024 * 1024)
        except httpx.TransportError as error:
            raise from_transport(error, self.host, only_reads(reply.request)) from None
        finally:
            await reply.aclose()

    async def aclose(self) -> None:
        """Close the pool."""
        await self._http.aclose()

    def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Request:
        timeout = self._timeouts.of(method, path, content.get("json"))
        beta = BETA if path.startswith("vector_stores") else {}
        return self._http.build_request(method, path, headers={**beta, **(headers or {})}, timeout=timeout, **content)

    async def _json(
        self, build: Callable[[], httpx.Request], about: Subject, *, repeatable: bool = True
    ) -> dict[str, Any]:
        reply = await self._with_retries(build, repeatable=repeatable)
        if reply.status_code >= 300:
            raise from_reply(self._clean(reply), self.host, about)
        self.extended = reply.headers.get(EXTENDED[0]) == EXTENDED[1]
        if (after := reply.headers.get("openai-poll-after-ms", "")).isdecimal():
            self.poll_seconds = max(0.1, int(after) / 1000)
        try:
            body: Any = reply.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unavailable(
                f"{self.host} answered with something that is not a JSON object.",
                "Check that VECTOR_STORES_REMOTE_BASE_URL is the address of an OpenAI-compatible API.",
            )
        return cast("dict[str, Any]", body)

    async def _with_retries(
        self, build: Callable[[], httpx.Request], *, repeatable: bool = True, streamed: bool = False
    ) -> httpx.Response:
        """Send until a reply is final, or the attempts are used up."""
        budget = RetryBudget(self._timeouts)
        attempts = AsyncRetrying(
            sleep=self._sleep,
            retry=retry_if_result(lambda sent: _again(sent.outcome, repeatable) and sent.wait(0) is not None),
            wait=lambda state: _sent(state).wait(state.attempt_number - 1) or 0.0,
            stop=lambda state: (
                state.attempt_number > MAX_RETRIES or not budget.lasts(_sent(state).request, state.upcoming_sleep)
            ),
            before_sleep=self._tell,
            retry_error_callback=_sent,
        )
        sent: _Sent = await attempts(self._attempt, build, budget, streamed)
        if isinstance(sent.outcome, httpx.Response):
            return sent.outcome
        raise from_transport(sent.outcome, self.host, only_reads(sent.request)) from None

    def _tell(self, state: RetryCallState) -> None:
        why = _why(_sent(state).outcome)
        extra = event("remote_retry", host=self.host, seconds=state.upcoming_sleep, reason=why)
        log.info("Asking %s again in %.1f s: %s", self.host, state.upcoming_sleep, why, extra=extra)

    async def _attempt(self, build: Callable[[], httpx.Request], budget: RetryBudget, streamed: bool) -> _Sent:
        """Send once; the reply is read to its end unless it is good and `streamed`."""
        request = build()
        budget.shorten(request)
        return _Sent(request, await self._send(request, streamed))

    async def _send(self, request: httpx.Request, streamed: bool) -> httpx.Response | httpx.TransportError:
        """Return the reply, or the error that there was instead."""
        try:
            reply = await self._http.send(request, stream=True)
            if not streamed or reply.status_code >= 300:
                await reply.aread()
        except httpx.TransportError as error:
            return error
        return reply

    def _clean(self, reply: httpx.Response) -> httpx.Response:
        """Return the reply without the key, which some services repeat in their errors."""
        content = reply.content
        for form in self._secret_forms:
            content = content.replace(form, b"[key]")
        return httpx.Response(reply.status_code, content=content, request=reply.request)


class _Opener(httpx.Auth):
    """Adds the credentials to each request: a client's own headers would show them in their repr."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.update(self._headers)
        yield request


def _again(outcome: httpx.Response | httpx.TransportError, repeatable: bool) -> bool:
    if isinstance(outcome, httpx.Response) and (out_of_quota(outcome) or not worth_repeating(outcome)):
        return False
    if isinstance(outcome, RefusedReplyError):
        return False
    return repeatable or surely_not_done(outcome)


def _forms(secret: str) -> set[bytes]:
    """Return the forms in which a reply may write it: as it is, as in JSON, as in a URL."""
    in_json = json.dumps(secret)[1:-1]
    return {form.encode() for form in (secret, in_json, in_json.replace("/", "\\/"), quote(secret, safe=""))}


def _why(outcome: httpx.Response | httpx.TransportError) -> str:
    return f"status {outcome.status_code}" if isinstance(outcome, httpx.Response) else type(outcome).__name__


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}
