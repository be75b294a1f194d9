"""What the suite expects of a server of 2026: calls that end with a question and are repeated with its answer."""

from collections.abc import Mapping
from typing import Annotated, Any

from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
)
from pydantic import Field

from conformance.contents import text

Answer = str | InputRequiredResult


def form(message: str, field: str, kind: str = "string") -> InputRequest:
    schema: dict[str, Any] = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str) -> InputRequest:
    messages = [SamplingMessage(role="user", content=text(prompt))]
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=messages, max_tokens=100))


NAME = form("What is your name?", "name")
ROOTS = ListRootsRequest()
SINGLE: Mapping[str, dict[str, InputRequest]] = {
    "elicitation": {"user_name": NAME},
    "sampling": {"capital_question": sample("What is the capital of France?")},
    "list_roots": {"client_roots": ROOTS},
}
STATEFUL: Mapping[str, dict[str, InputRequest]] = {
    "request_state": {"confirm": form("Please confirm", "ok", "boolean")},
    "tampered_state": {"confirm": form("Please confirm", "ok", "boolean")},
    "multiple_inputs": {"user_name": NAME, "greeting": sample("Generate a greeting"), "client_roots": ROOTS},
}
STEPS = (
    {"step1": form("Step 1: What is your name?", "name")},
    {"step2": form("Step 2: What is your favorite color?", "color")},
)


def answered(ctx: Context[Any], asked: Mapping[str, InputRequest]) -> bool:
    return set(asked) <= set(ctx.input_responses or {})


def add_rounds(server: MCPServer[Any]) -> None:
    """Register everything beside what the server has."""
    for name, asked in SINGLE.items():
        _add_single(server, name, asked)
    for name, asked in STATEFUL.items():
        _add_stateful(server, name, asked)
    _add_steps(server)
    _add_by_capability(server)
    _add_prompt(server)
    _add_header(server)


def _add_single(server: MCPServer[Any], name: str, asked: dict[str, InputRequest]) -> None:
    async def ask(ctx: Context[Any]) -> Answer:
        if not answered(ctx, asked):
            return InputRequiredResult(input_requests=asked)
        return f"Thank you: {ctx.input_responses}"

    server.add_tool(ask, name=f"test_input_required_result_{name}", description="Asks once.")


def _add_stateful(server: MCPServer[Any], name: str, asked: dict[str, InputRequest]) -> None:
    async def ask(ctx: Context[Any]) -> Answer:
        if not answered(ctx, asked) or ctx.request_state != name:
            return InputRequiredResult(input_requests=asked, request_state=name)
        return "state-ok"

    server.add_tool(ask, name=f"test_input_required_result_{name}", description="Asks, and knows its question again.")


def _add_steps(server: MCPServer[Any]) -> None:
    async def ask(ctx: Context[Any]) -> Answer:
        step = int(ctx.request_state or 0)
        if step and answered(ctx, STEPS[step - 1]):
            if step == len(STEPS):
                return "Done."
            return InputRequiredResult(input_requests=dict(STEPS[step]), request_state=str(step + 1))
        return InputRequiredResult(input_requests=dict(STEPS[0]), request_state="1")

    server.add_tool(ask, name="test_input_required_result_multi_round", description="Asks twice.")


def _add_by_capability(server: MCPServer[Any]) -> None:
    async def ask(ctx: Context[Any]) -> Answer:
        can = ctx.client_capabilities
        asked: dict[str, InputRequest] = {}
        if can and can.sampling:
            asked["greeting"] = sample("Generate a greeting")
        if can and can.elicitation:
            asked["user_name"] = NAME
        return "Done." if answered(ctx, asked) else InputRequiredResult(input_requests=asked)

    async def need_sampling(ctx: Context[Any]) -> str:
        if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
            data: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs sampling.", data)
        return "Done."

    server.add_tool(ask, name="test_input_required_result_capabilities", description="Asks what the client can.")
    server.add_tool(need_sampling, name="test_missing_capability", description="Needs a client that samples.")


def _add_prompt(server: MCPServer[Any]) -> None:
    @server.prompt(name="test_input_required_result_prompt")
    async def ask(ctx: Context[Any]) -> list[UserMessage] | InputRequiredResult:
        """A prompt that asks before it answers."""
        asked = {"user_context": form("What context should the prompt use?", "context")}
        return [UserMessage("Go on.")] if answered(ctx, asked) else InputRequiredResult(input_requests=asked)

    assert ask


def _add_header(server: MCPServer[Any]) -> None:
    async def echo(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
        return region

    server.add_tool(echo, name="test_custom_header", description="Has an argument that is a header as well.")
