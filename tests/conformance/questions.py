"""What the suite expects of a server of 2025: tools that log, sample and ask in the middle of a call."""

import warnings
from typing import Any, Literal

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp.types import SamplingMessage
from pydantic import BaseModel, Field

from conformance.contents import STEP, text


class Person(BaseModel):
    username: str = Field(description="A name")
    email: str = Field(description="An address")


class Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


def _titled(kind: str, *titles: str) -> list[dict[str, str]]:
    return [{"const": f"value{n}", "title": f"{title} {kind}"} for n, title in enumerate(titles, 1)]


OPTIONS = ["option1", "option2", "option3"]
LEGACY = {"enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]}
CHOICES: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": OPTIONS},
    "titledSingle": {"type": "string", "oneOf": _titled("Option", "First", "Second", "Third")},
    "legacyEnum": {"type": "string", **LEGACY},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": _titled("Choice", "First", "Second", "Third")}},
}


def add_questions(server: MCPServer[Any]) -> None:
    """Register everything beside what the server has."""

    @server.tool(name="test_tool_with_logging")
    async def logging(ctx: Context[Any]) -> str:
        """Logs three lines."""
        for message in ("Begun", "Under way", "Done"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MCPDeprecationWarning)
                await ctx.info(message)  # pyright: ignore[reportDeprecated]  # the suite tests it in the older era
            await anyio.sleep(STEP)
        return "Done."

    @server.tool(name="test_sampling")
    async def sampling(prompt: str, ctx: Context[Any]) -> str:
        """Has the client's model answer."""
        messages = [SamplingMessage(role="user", content=text(prompt))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MCPDeprecationWarning)
            answer = await ctx.session.create_message(  # pyright: ignore[reportDeprecated]  # as above
                messages=messages, max_tokens=100, related_request_id=ctx.request_id
            )
        return str(answer.content)

    @server.tool(name="test_elicitation")
    async def elicitation(message: str, ctx: Context[Any]) -> str:
        """Asks who it is."""
        return str(await ctx.elicit(message, Person))

    @server.tool(name="test_elicitation_sep1034_defaults")
    async def defaults(ctx: Context[Any]) -> str:
        """Asks with defaults."""
        return str(await ctx.elicit("Please check", Defaults))

    @server.tool(name="test_elicitation_sep1330_enums")
    async def enums(ctx: Context[Any]) -> str:
        """Asks to choose."""
        schema = {"type": "object", "properties": CHOICES}
        return str(await ctx.session.elicit_form("Please choose", schema, related_request_id=ctx.request_id))

    for tool in (logging, sampling, elicitation, defaults, enums):
        assert tool
