"""Questions to the client before a call starts: consent to a deletion, and the folders that the client has open.

Since 2026-07-28 a question is the answer to the first try of the call; in older protocols it is a request of ours.
A client that declares that it can be asked and then fails to answer (an error, silence, nonsense) is one that cannot
be asked: its failure is never the answer to its own call.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import anyio
from mcp import MCPError
from mcp.server.elicitation import AcceptedElicitation
from mcp.server.mcpserver import Context, Elicit, ListRoots
from mcp.shared.message import ServerMessageMetadata
from mcp.types import ElicitResult, ListRootsRequest, ListRootsResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field, ValidationError

from vectorstores_tools.arguments.inputs import Delete
from vectorstores_tools.arguments.parsing import parse_arguments
from vectorstores_tools.context import Consent
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.delete import named_exactly, what_is_lost

SECONDS_TO_ANSWER = 5.0
"""Seconds for which a client of 2025 may keep silent, until it counts as one that cannot be asked."""


class Confirm(BaseModel):
    """The form that a person fills in before a deletion."""

    confirm: bool = Field(title="Delete", description="This cannot be undone.")


class ConsentQuestion:
    """Asks the person before a store or a File is deleted."""

    def __init__(self, engine: Engine, schema: Mapping[str, Any]) -> None:
        self.engine = engine
        self.schema = schema

    async def ask(
        self, arguments: dict[str, Any], ctx: Context[Any, Any]
    ) -> Elicit[Confirm] | Consent | VectorStoreError:
        """Return the question, or an answer where there is nothing to ask or no way to."""
        if not _has_forms(ctx):
            return "not asked"
        try:
            given = parse_arguments(Delete, self.schema, arguments)
            named_exactly(given)
            if given.what == "file_from_store":
                return "not asked"
            lost = await what_is_lost(self.engine, given)
        except VectorStoreError as error:
            return error
        question = f"Delete {lost}? This cannot be undone."
        if not _modern(ctx):
            return await _answered(ctx, question)
        return "not asked" if _failed(ctx, self.ask, _is_form) else Elicit(question, Confirm)

    @staticmethod
    def answer(outcome: object) -> Consent:
        """Return the consent in an outcome of `ask`. Raises the error that `ask` returned."""
        reply = _reply(outcome)
        if isinstance(reply, VectorStoreError):
            raise reply
        if reply in ("not asked", "given"):
            return reply
        return "given" if isinstance(reply, Confirm) and reply.confirm else "declined"


class RootsQuestion:
    """Asks the client once which folders it has open. Only for the one client, on this machine, of a stdio server."""

    def __init__(self) -> None:
        self.known: Sequence[Path] | None = None
        self.asked = False

    async def ask(self, arguments: dict[str, Any], ctx: Context[Any, Any]) -> ListRoots | ListRootsResult | None:
        """Return the question, or None where the call names no path, or the client was asked or has no roots."""
        capabilities = ctx.client_capabilities
        names_path = arguments.get("path") or arguments.get("paths")
        if self.asked or not names_path or capabilities is None or capabilities.roots is None:
            return None
        if _modern(ctx):
            return None if _failed(ctx, self.ask, _is_roots) else ListRoots()
        metadata = ServerMessageMetadata(related_request_id=ctx.request_id)
        with anyio.move_on_after(SECONDS_TO_ANSWER):
            try:
                return await ctx.session.send_request(ListRootsRequest(), ListRootsResult, metadata=metadata)
            except (MCPError, ValueError):
                return None  # a client that declares roots and does not list them has none
        self.asked = True  # it would keep every call waiting
        return None

    def answer(self, outcome: object) -> Sequence[Path] | None:
        """Return the folders, those of an earlier answer too; None where the client named none."""
        reply = _reply(outcome)
        if isinstance(reply, ListRootsResult):
            self.asked = True
            self.known = [folder for root in reply.roots if (folder := _folder(str(root.uri)))] or None
        return self.known


async def _answered(ctx: Context[Any, Any], question: str) -> Consent:
    """Ask a client of 2025, which answers a request of ours."""
    with anyio.move_on_after(SECONDS_TO_ANSWER):
        try:
            outcome = await ctx.elicit(question, Confirm)
        except (MCPError, ValueError):
            return "not asked"
        return "given" if isinstance(outcome, AcceptedElicitation) and outcome.data.confirm else "declined"
    return "not asked"


def _failed(ctx: Context[Any, Any], ask: Callable[..., Any], is_answer: Callable[[object], bool]) -> bool:
    """Tell whether a client of 2026 was asked, and its next try of the call holds no answer."""
    answers = ctx.input_responses or {}
    key = f"{ask.__module__}:{ask.__qualname__}"
    return bool(ctx.request_state or key in answers) and not is_answer(answers.get(key))


def _is_form(answer: object) -> bool:
    if not isinstance(answer, ElicitResult):
        return False
    return answer.action != "accept" or _fits(Confirm, answer.content)


def _is_roots(answer: object) -> bool:
    return isinstance(answer, BaseModel) and _fits(ListRootsResult, answer.model_dump(mode="json", by_alias=True))


def _fits(model: type[BaseModel], content: object) -> bool:
    try:
        model.model_validate(content)
    except ValidationError:
        return False
    return True


def _reply(outcome: object) -> object:
    """Return the accepted form or the answer; None for a decline, a cancel, and where nothing was asked."""
    return getattr(outcome, "data", None)


def _modern(ctx: Context[Any, Any]) -> bool:
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def _has_forms(ctx: Context[Any, Any]) -> bool:
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    return _modern(ctx) or ctx.session.can_send_request


def _folder(uri: str) -> Path | None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None  # a root that is no address is no folder
    path = unquote(parts.path)
    if parts.scheme != "file" or not path:
        return None
    return Path(path.lstrip("/") if os.name == "nt" else path)
