"""Other services that speak the API, as they were observed: ASGI apps over our own /v1, made to misbehave.

Sources: OpenAI's API description; OGX 1.5.0 as it was run (doubles_ogx.py); the documentation of Yandex AI Studio and
Azure; the source of LiteLLM 1.109.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from vectorstores_server.http.v1.api import build_api, new_app
from vectorstores_server.http.v1.dependencies import EXTENDED
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import VectorStoreError

PASSED_ON = ("content-type", "range")
IDS = re.compile(r"\b(vs_|file-|vsfb_)([a-z0-9]{24})\b")


@dataclass(frozen=True)
class Asked:
    """A request, its path below the service's prefix."""

    method: str
    path: str
    params: dict[str, str]
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.content) if self.content else {}

    def saying(self, **fields: Any) -> "Asked":
        """The same with these fields in its JSON body; None takes one out."""
        body = {key: value for key, value in {**self.json, **fields}.items() if value is not None}
        return replace(self, content=json.dumps(body).encode())

    def without(self, *params: str) -> "Asked":
        return replace(self, params={key: value for key, value in self.params.items() if key not in params})


@dataclass
class Reply:
    """What is answered: an object, or bytes."""

    status: int
    said: dict[str, Any] = field(default_factory=dict[str, Any])
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def good(self) -> bool:
        return self.status < 300


@cache
def _terse_app() -> FastAPI:
    app = new_app()
    app.add_exception_handler(VectorStoreError, _in_few_words)
    return app


class Published:
    """A service that keeps to the published schema, and says nothing beyond it."""

    prefix = "/v1/"
    extended = False

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        api = build_api(engine, None if self.extended else _terse_app())
        self._ours = httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://ours/v1/")
        self.asked: list[Asked] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if not request.url.path.startswith(self.prefix):
            reply = self.no_route()
        else:
            params, content = dict(request.query_params), await request.body()
            path = scope["raw_path"].decode().removeprefix(self.prefix)
            asked = Asked(request.method, path, params, dict(request.headers), content)
            self.asked.append(asked)
            reply = await self.answer(asked)
        response = Response(reply.raw, reply.status, reply.headers) if reply.raw is not None else None
        await (response or JSONResponse(reply.said, reply.status, reply.headers))(scope, receive, send)

    async def answer(self, asked: Asked) -> Reply:
        return await self.v1(asked)

    async def v1(self, asked: Asked) -> Reply:
        """Answer as our own /v1 does; it names no pace, so that tests need not wait."""
        headers = {name: asked.headers[name] for name in PASSED_ON if name in asked.headers}
        if self.extended:
            headers[EXTENDED] = "1"
        answer = await self._ours.request(
            asked.method, asked.path, params=asked.params, headers=headers, content=asked.content
        )
        if answer.headers.get("content-type") == "application/json":
            kept = {name: value for name, value in answer.headers.items() if name == EXTENDED}
            return Reply(answer.status_code, answer.json(), headers=kept)
        return Reply(answer.status_code, raw=answer.content, headers=dict(answer.headers))

    async def get(self, path: str, **params: str) -> Reply:
        return await self.v1(Asked("GET", path, params, {}))

    def no_route(self) -> Reply:
        return Reply(404, {"detail": "Not Found"})

    async def aclose(self) -> None:
        await self._ours.aclose()


class Ours(Published):
    """Another vector-stores-mcp."""

    extended = True


class Azure(Published):
    """Azure OpenAI: its own header for the key, and a version of the API in the address."""

    prefix = "/openai/v1/"

    async def answer(self, asked: Asked) -> Reply:
        if asked.headers.get("api-key") != "planted-key":
            said = "Access denied due to invalid subscription key or wrong API endpoint."
            return Reply(401, {"error": {"code": "401", "message": said}})
        if asked.params.get("api-version") not in ("v1", "preview"):
            return Reply(404, {"error": {"code": "404", "message": "Resource not found"}})
        return await self.v1(asked.without("api-version"))


class Yandex(Published):
    """Yandex AI Studio: ids without prefix, no cancelling, no membership filters, `valid` in hits, errors as gRPC's."""

    async def answer(self, asked: Asked) -> Reply:
        if not asked.headers.get("authorization", "").startswith(("Bearer ", "Api-Key ")):
            return Reply(401, {"code": 16, "message": "Unauthenticated", "details": []})
        if asked.path.endswith("/cancel") or asked.path.startswith("uploads"):
            return Reply(404, {"code": 5, "message": "Not Found", "details": []})
        if re.search(rb'"type": ?"n?in"', asked.content):
            return Reply(400, {"code": 3, "message": "unknown filter type", "details": []})
        content = asked.content if b"multipart" in asked.headers.get("content-type", "").encode() else None
        reply = await self.v1(
            replace(
                asked,
                path=self._ours_of(asked.path),
                params={key: self._ours_of(value) for key, value in asked.params.items()},
                content=content if content is not None else self._ours_of(asked.content.decode()).encode(),
            )
        )
        if reply.raw is not None:
            return reply
        reply.said = json.loads(IDS.sub(lambda id: f"fvt{id[1][-2]}{id[2]}", json.dumps(reply.said)))
        for hit in reply.said.get("data", ()) if asked.path.endswith("/search") else ():
            hit["valid"] = True
        return reply if reply.good else Reply(reply.status, _as_grpc(reply))

    def _ours_of(self, text: str) -> str:
        kinds = {"s": "vs_", "e": "file-", "b": "vsfb_"}
        return re.sub(r"\bfvt([seb])([a-z0-9]{24})\b", lambda id: kinds[id[1]] + id[2], text)


class LiteLLM(Published):
    """The LiteLLM proxy: no batches, no uploads in parts, and every error wrapped in its own words."""

    async def answer(self, asked: Asked) -> Reply:
        if "/file_batches" in asked.path or asked.path.startswith("uploads"):
            return self.no_route()
        reply = await self.v1(asked)
        if not reply.good and "error" in reply.said:
            said = f"litellm.APIError: OpenAIException - {reply.said['error']['message']}"
            reply.said = {"error": {"message": said, "type": "None", "param": "None", "code": str(reply.status)}}
        return reply


def _as_grpc(reply: Reply) -> dict[str, Any]:
    codes = {400: 3, 404: 5, 409: 9, 413: 3}
    return {"code": codes.get(reply.status, 2), "message": reply.said["error"]["message"], "details": []}


async def _in_few_words(request: Request, error: Exception) -> Response:
    """Answer with OpenAI's words only: no service says which tool to call next."""
    assert isinstance(error, VectorStoreError)
    inner = {"message": error.fact, "type": error.type, "param": error.param, "code": error.code}
    return JSONResponse({"error": inner}, error.status)
