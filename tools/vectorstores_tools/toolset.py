"""The whole tool surface: which functions there are, what each may do, and how it is shown and answered."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from mcp.server.apps import client_supports_apps
from mcp.server.mcpserver import Context, Resolve
from mcp.server.mcpserver.resolve import build_resolver_plans
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from vectorstores_tools.arguments import inputs, schemas
from vectorstores_tools.arguments.parsing import parse_arguments
from vectorstores_tools.batches import batch_attach, cancel_batch
from vectorstores_tools.chatgpt import fetch, find_documents
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.intake import Intake
from vectorstores_tools.contract.mirrors import Mirroring
from vectorstores_tools.contract.requests import Request
from vectorstores_tools.create_store import create_store
from vectorstores_tools.delete import delete
from vectorstores_tools.elicitation import ConsentQuestion, RootsQuestion
from vectorstores_tools.list_objects import list_objects
from vectorstores_tools.read import read
from vectorstores_tools.rendering.hits_view import HITS_URI
from vectorstores_tools.rendering.reply import Reply
from vectorstores_tools.retrieve import retrieve
from vectorstores_tools.search import search
from vectorstores_tools.update import update
from vectorstores_tools.upload_file import upload_file

LONGEST_ANSWER = 80_000
"""Characters above which no answer of ours goes; a client that would spill it to a file may keep it."""

READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True)
ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False)
ADDS_ONCE = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True)
REPLACES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)


@dataclass(frozen=True, slots=True)
class ToolSurface:
    """The tools that a server shows. `roots_from_client` is for stdio, whose one client is on this machine."""

    toolset: Literal["all", "core", "chatgpt"] = "all"
    read_only: bool = False
    excluded: frozenset[str] = field(default_factory=frozenset[str])
    roots_from_client: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool. Its description is the docstring of `run`."""

    name: str
    title: str
    run: Callable[[ToolCall, Any], Awaitable[Reply]]
    arguments: type[Request]
    output: Mapping[str, Any]
    annotations: ToolAnnotations
    core: bool = False
    app: str = ""
    """The resource with which a client can show its answers to a person."""


TOOLS = (
    ToolSpec("create_store", "Create a vector store", create_store, inputs.CreateStore, schemas.STORE, ADDS, core=True),
    ToolSpec("upload_file", "Upload or attach a file", upload_file, inputs.UploadFile, schemas.FILE, ADDS, core=True),
    ToolSpec(
        "batch_attach", "Attach many files", batch_attach, inputs.BatchAttach, schemas.BATCH, ADDS_ONCE, core=True
    ),
    ToolSpec("search", "Search vector stores", search, inputs.Search, schemas.HITS, READS, core=True, app=HITS_URI),
    ToolSpec("list", "List stores or files", list_objects, inputs.List, schemas.LIST, READS, core=True),
    ToolSpec("retrieve", "Show one object", retrieve, inputs.Retrieve, schemas.ANY, READS),
    ToolSpec("read", "Read a file's text", read, inputs.Read, schemas.TEXT, READS),
    ToolSpec("update", "Change a store or a file in it", update, inputs.Update, schemas.UPDATED, REPLACES),
    ToolSpec("delete", "Delete a store or a file", delete, inputs.Delete, schemas.DELETED, REPLACES),
    ToolSpec("cancel_batch", "Cancel a batch", cancel_batch, inputs.CancelBatch, schemas.BATCH, REPLACES),
)
CHATGPT = (
    ToolSpec("search", "Search documents", find_documents, inputs.FindDocuments, schemas.RESULTS, READS),
    ToolSpec("fetch", "Show a document", fetch, inputs.FetchDocument, schemas.DOCUMENT, READS),
)
"""The tools that ChatGPT's connectors call, and no others."""
TOOL_NAMES = tuple(spec.name for spec in TOOLS)
TAKES_PATHS = ("upload_file", "batch_attach")


def shown(surface: ToolSurface) -> list[ToolSpec]:
    """Return the tools that a surface shows, in their order."""
    return [
        spec
        for spec in (CHATGPT if surface.toolset == "chatgpt" else TOOLS)
        if (spec.core or surface.toolset != "core")
        and (spec.annotations.read_only_hint or not surface.read_only)
        and spec.name not in surface.excluded
    ]


@dataclass(frozen=True, slots=True)
class ToolBackend:
    """The engine and intake that answer the calls of all tools."""

    engine: Engine
    intake: Intake
    mirroring: Mirroring | None = None


def build_tools(engine: Engine, intake: Intake, surface: ToolSurface, mirroring: Mirroring | None = None) -> list[Tool]:
    """Return the tools of a server, for MCPServer(tools=...)."""
    backend = ToolBackend(engine, intake, mirroring)
    specs = shown(surface)
    names = frozenset(spec.name for spec in specs)
    roots = RootsQuestion()
    return [_ToolRun(spec, backend, names, roots if surface.roots_from_client else None).tool() for spec in specs]


class _ToolRun:
    """One tool in a server: parses its arguments, asks the client first, runs its function, returns answer or error."""

    def __init__(
        self, spec: ToolSpec, backend: ToolBackend, names: frozenset[str], roots: RootsQuestion | None
    ) -> None:
        self.spec = spec
        self.backend = backend
        self.names = names
        self.schema = schemas.input_schema(spec.arguments)
        self.consent = ConsentQuestion(backend.engine, self.schema) if spec.name == "delete" else None
        self.roots = roots if spec.name in TAKES_PATHS else None

    def tool(self) -> Tool:
        """Return it as the SDK's Tool: with our schemas, and the arguments passed on as they came."""
        asked: dict[str, tuple[Resolve, bool]] = {}
        if self.consent:
            asked["consent"] = (Resolve(self.consent.ask), True)
        if self.roots:
            asked["roots"] = (Resolve(self.roots.ask), True)
        open_world = {"open_world_hint": self.backend.engine.capabilities.remote}
        return Tool(
            fn=self.answer,
            name=self.spec.name,
            title=self.spec.title,
            description=" ".join((self.spec.run.__doc__ or "").split()),
            parameters=self.schema,
            fn_metadata=_Unchecked(arg_model=ArgModelBase, output_schema=dict(self.spec.output)),
            is_async=True,
            context_kwarg="ctx",
            resolved_params=asked,
            resolver_plans=build_resolver_plans(asked, {"arguments"}),
            annotations=self.spec.annotations.model_copy(update=open_world),
            meta={"anthropic/maxResultSizeChars": LONGEST_ANSWER, **self._shown_by()},
        )

    def _shown_by(self) -> dict[str, Any]:
        """Return the metadata that names the app for the answers; `HitsApp` leaves it out for a client without apps."""
        return {"ui": {"resourceUri": self.spec.app}} if self.spec.app else {}

    async def answer(
        self, arguments: dict[str, Any], ctx: Context[Any, Any], consent: object = None, roots: object = None
    ) -> CallToolResult:
        """Run the tool. An error is an answer too."""
        try:
            given = parse_arguments(self.spec.arguments, self.schema, arguments)
            call = ToolCall(
                engine=self.backend.engine,
                intake=self.backend.intake,
                mirroring=self.backend.mirroring,
                report=ctx.report_progress,
                stores_changed=lambda: _stores_changed(ctx),
                roots=self.roots.answer(roots) if self.roots else None,
                consent=self.consent.answer(consent) if self.consent else "not asked",
                tools=self.names,
            )
            reply = await self.spec.run(call, given)
            self._expect_searches(given)
        except VectorStoreError as error:
            return _refused(error)
        meta = reply.meta if reply.meta and client_supports_apps(ctx) else None
        return CallToolResult(content=_content(reply), structured_content=reply.structured, _meta=meta)

    def _expect_searches(self, given: object) -> None:
        """Tell the engine of the store that the call named."""
        named: str | list[str] | None = getattr(given, "vector_store_id", None)
        stores = [named] if isinstance(named, str) else named or []
        if stores and self.spec.name != "delete":
            self.backend.engine.expect_searches(stores[0])


def _content(reply: Reply) -> list[ContentBlock]:
    content: list[ContentBlock] = [TextContent(type="text", text=reply.text)]
    if reply.picture is not None:
        data = base64.b64encode(reply.picture.data).decode()
        content.append(ImageContent(type="image", data=data, mime_type=reply.picture.media_type))
    return content


class _Unchecked(FuncMetadata):
    """Passes the arguments on as one dict: `parse_arguments` understands more forms, and its errors are ours."""

    def validate_arguments(self, arguments_to_validate: dict[str, Any]) -> dict[str, Any]:
        return {"arguments": arguments_to_validate}


async def _stores_changed(ctx: Context[Any, Any]) -> None:
    """Tell a client of 2025 directly; a newer one learns of it through its subscription."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        await ctx.session.send_resource_list_changed()


def _refused(error: VectorStoreError) -> CallToolResult:
    facts = {"message": error.sentence, "code": error.code, "param": error.param, "next": error.next}
    return CallToolResult(
        content=[TextContent(type="text", text=str(error))],
        structured_content=cast("dict[str, Any]", {"error": facts}),
        is_error=True,
    )
