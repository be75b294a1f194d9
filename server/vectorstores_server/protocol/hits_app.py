"""The MCP App `ui://vector-stores/hits`: the hits of a search inside the conversation, where a client declares that.

Its one document is put together from the page's own style and modules when it is read, and asks nothing of the network:
what it shows comes with the answer, and pages through the tool `read`.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, cast

from mcp.server.apps import APP_MIME_TYPE, Apps, client_supports_apps
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.resources import FunctionResource

from vectorstores_tools.rendering.hits_view import HITS_URI

STATIC = Path(__file__).parents[1] / "page" / "static"
MODULES = ("bridge.js", "hits.js", "hits_app.js")
"""The modules in an order in which each follows those that it imports."""
STYLE = "page.css"
TOOLS = "tools/list"

_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


class HitsApp(Apps):
    """The extension, with its resource."""

    def __init__(self) -> None:
        super().__init__()
        self.add_resource(
            FunctionResource(
                uri=HITS_URI,
                name="hits",
                title="Hits of a search",
                mime_type=APP_MIME_TYPE,
                meta={"ui": {"csp": {}, "prefersBorder": True}},
                fn=document,
            )
        )


async def tell_of_apps(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Leave the app out of the list of tools for a client that shows no apps (a middleware)."""
    result = await call_next(ctx)
    if ctx.method != TOOLS or not isinstance(result, dict) or client_supports_apps(ctx):
        return result
    tools = cast("list[dict[str, Any]]", result["tools"])
    return result | {"tools": [_without_app(tool) for tool in tools]}


def _without_app(tool: dict[str, Any]) -> dict[str, Any]:
    meta = {key: value for key, value in tool.get("_meta", {}).items() if key != "ui"}
    return {**{key: value for key, value in tool.items() if key != "_meta"}, **({"_meta": meta} if meta else {})}


def document() -> str:
    """Return the app as one HTML document whose policy knows its script and its style by their hashes."""
    style = (STATIC / STYLE).read_text(encoding="utf-8")
    script = "".join(_EXPORT.sub("", _IMPORT.sub("", (STATIC / name).read_text(encoding="utf-8"))) for name in MODULES)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Hits</title>\n'
        f'<style>{style}</style>\n</head>\n<body class="app">\n<main aria-busy="true"></main>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
