"""A host of MCP Apps in a real browser: a double of our own, and one made of the extension's reference module."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

HOST = "http://host.test/"
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-src 'self'; connect-src 'none'"
)
"""What the extension lets an app do that asks for nothing; a frame of the host's own text has it from the host."""
DOUBLE = """
window.told = [];
window.showApp = (html, input, result, theme) => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.sandbox = "allow-scripts";
  frame.title = "app";
  frame.width = 900;
  const post = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
  const told = {
    "ui/notifications/initialized": () => {
      post({ method: "ui/notifications/tool-input", params: { arguments: input } });
      post({ method: "ui/notifications/tool-result", params: result });
      post({ id: 1, method: "ping" });
      post({ id: 2, method: "nonsense" });
    },
    "ui/notifications/size-changed": ({ height }) => { frame.height = height; },
  };
  const asked = {
    "ui/initialize": () => ({
      protocolVersion: "2026-01-26", hostInfo: { name: "double", version: "1" },
      hostCapabilities: { serverTools: {} }, hostContext: { theme },
    }),
    "tools/call": (params) => window.callTool(params),
  };
  addEventListener("message", async ({ source, data }) => {
    if (source !== frame.contentWindow) return;
    window.told.push(data);
    if (data.id === undefined) told[data.method]?.(data.params);
    else if (data.method) post({ id: data.id, result: await asked[data.method](data.params) });
  });
  frame.srcdoc = html;
};
"""
REFERENCE = """
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";
window.told = [];
window.showApp = async (html, input, result, theme) => {
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.sandbox = "allow-scripts";
  frame.title = "app";
  frame.width = 900;
  const info = { name: "reference", version: "1" };
  const bridge = new AppBridge(null, info, { serverTools: {} }, { hostContext: { theme } });
  bridge.oncalltool = (params) => window.callTool(params);
  bridge.oninitialized = async () => {
    await bridge.sendToolInput({ arguments: input });
    await bridge.sendToolResult(result);
  };
  bridge.onsizechange = ({ height }) => { frame.height = height; };
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = html;
};
"""


async def open_host(
    page: "Page", script: str, call_tool: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
) -> None:
    """Open an empty page of a host whose script this is."""

    async def answer(route: "Route") -> None:
        body = f"<!doctype html><title>Host</title><body><script>{script}</script>"
        await route.fulfill(body=body, content_type="text/html", headers={"content-security-policy": POLICY})

    await page.route(HOST, answer)
    await page.expose_function("callTool", call_tool)  # pyright: ignore[reportUnknownMemberType]  # Playwright's own
    await page.goto(HOST)


async def show(page: "Page", html: str, asked: dict[str, Any], result: dict[str, Any], theme: str = "light") -> None:
    """Give an app to the host, and to the app what was asked and found."""
    await page.evaluate(f"(given) => window.showApp(...given, {json.dumps(theme)})", [html, asked, result])
