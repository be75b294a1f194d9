"""What the suite expects of a server in both eras: one tool, resource and prompt for each kind of content."""

import base64
import json
import struct
import zlib
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

STEP = 0.05
"""Seconds between two notifications of one call."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _pixel() -> bytes:
    """Return a PNG of one grey pixel."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(b"\0\x80")) + _chunk(b"IEND", b"")


def _silence() -> bytes:
    """Return a WAV of no samples."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + form + b"data" + struct.pack("<I", 0)


PNG = _pixel()
IMAGE = ImageContent(type="image", data=base64.b64encode(PNG).decode(), mime_type="image/png")
AUDIO = AudioContent(type="audio", data=base64.b64encode(_silence()).decode(), mime_type="audio/wav")


def text(words: str) -> TextContent:
    return TextContent(type="text", text=words)


def embedded(uri: str, mime_type: str = "text/plain", words: str = "Embedded words.") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=words))


TOOLS: dict[str, list[ContentBlock]] = {
    "test_simple_text": [text("Plain words.")],
    "test_image_content": [IMAGE],
    "test_audio_content": [AUDIO],
    "test_embedded_resource": [embedded("test://embedded-resource")],
    "test_multiple_content_types": [
        text("Three kinds."),
        IMAGE,
        embedded("test://mixed-content-resource", "application/json", '{"a": 1}'),
    ],
}


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": {"type": "string"}}},
    },
    "properties": {
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def add_contents(server: MCPServer[Any]) -> None:
    """Register everything beside what the server has."""
    for name, blocks in TOOLS.items():
        _add_answer(server, name, blocks)
    _add_behaviours(server)
    _add_schema(server)
    _add_resources(server)
    _add_prompts(server)


def _add_answer(server: MCPServer[Any], name: str, blocks: list[ContentBlock]) -> None:
    def answer() -> CallToolResult:
        return CallToolResult(content=blocks)

    server.add_tool(answer, name=name, description="Answers with fixed contents.")


def _add_behaviours(server: MCPServer[Any]) -> None:
    @server.tool(name="test_error_handling")
    def fail() -> str:
        """Always fails."""
        raise ToolError("It was meant to fail.")

    @server.tool(name="test_tool_with_progress")
    async def progress(ctx: Context[Any]) -> str:
        """Reports three steps."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
            await anyio.sleep(STEP)
        return "Done."

    assert fail
    assert progress


def _add_schema(server: MCPServer[Any]) -> None:
    name = "json_schema_2020_12_tool"
    _add_answer(server, name, [text("Done.")])
    tool = server._tool_manager.get_tool(name)  # pyright: ignore[reportPrivateUsage]  # no public way gives a schema
    assert tool
    tool.parameters = SCHEMA


def _add_resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "Static words."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return PNG

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched() -> str:
        return "Watched words."

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:  # the suite's name
        return json.dumps({"id": id, "templateTest": True, "data": f"Data of {id}"})

    assert static_text
    assert static_binary
    assert watched
    assert template


def _add_prompts(server: MCPServer[Any]) -> None:
    @server.prompt(name="test_simple_prompt")
    def simple() -> str:
        """A prompt without arguments."""
        return "A simple prompt."

    @server.prompt(name="test_prompt_with_arguments")
    def with_arguments(arg1: str, arg2: str) -> str:
        """A prompt with two arguments."""
        return f"The arguments are {arg1} and {arg2}."

    @server.prompt(name="test_prompt_with_embedded_resource")
    def with_resource(resourceUri: str) -> list[UserMessage]:  # the suite's name
        """A prompt with a resource in it."""
        return [UserMessage(embedded(resourceUri)), UserMessage("Read it.")]

    @server.prompt(name="test_prompt_with_image")
    def with_image() -> list[UserMessage]:
        """A prompt with an image in it."""
        return [UserMessage(IMAGE), UserMessage("Look at it.")]

    assert simple
    assert with_arguments
    assert with_resource
    assert with_image
