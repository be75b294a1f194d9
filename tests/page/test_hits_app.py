"""The MCP App of `search`: whom it is told to, what it is given, and what it shows in a browser."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents

from support import hostile
from support.app_host import DOUBLE, HOST, REFERENCE, open_host, show
from support.browsing import axe_script, browser, browsing
from support.checkout import ROOT
from support.clients import Era, connected
from support.pages import filled, first, from_disk, page_of, parsed
from vectorstores_server.protocol.hits_app import MODULES, STATIC, document
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.rendering.hits_view import HITS_KEY, HITS_URI
from vectorstores_tools.toolset import ToolSurface

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["browser"]

APPS = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
DECLARED = {"nothing": None, "another type": [advertise(EXTENSION_ID, {"mimeTypes": ["text/html"]})], "apps": [APPS]}
HANDBOOK = ROOT / "examples" / "documents" / "keepers-handbook.pdf"
CLIENTS = ROOT / ".clients" / "typescript"


@asynccontextmanager
async def client(engine: Engine, folder: Path, era: Era = "auto", **options: Any) -> AsyncGenerator[Client]:
    async with connected(engine, era, folder / "files", **options) as caller:
        yield caller.client


@pytest.mark.parametrize("declared", DECLARED)
async def test_only_who_declares_apps_is_told_of_them_and_given_more_than_text(
    local_engine: Engine, era: Era, tmp_path: Path, declared: str
) -> None:
    await filled(local_engine, "Sea", ("moon.md", "# Moon\n\nThe moon moves the tides.\n"))
    async with client(local_engine, tmp_path, era, extensions=DECLARED[declared]) as asking:
        tools = {tool.name: tool.meta or {} for tool in (await asking.list_tools()).tools}
        found = await asking.call_tool("search", {"query": "what moves the tides?"})
    shown_by = {name: meta["ui"] for name, meta in tools.items() if "ui" in meta}
    assert shown_by == ({"search": {"resourceUri": HITS_URI}} if declared == "apps" else {})
    assert (HITS_KEY in (found.meta or {})) == (declared == "apps")
    assert tools["search"]["anthropic/maxResultSizeChars"]


async def test_text_and_object_are_the_same_for_everybody(local_engine: Engine, tmp_path: Path) -> None:
    await filled(local_engine, "Sea", ("moon.md", "# Moon\n\nThe moon moves the tides.\n"))
    answers: list[str] = []
    for declared in (None, [APPS]):
        async with client(local_engine, tmp_path, extensions=declared) as asking:
            found = await asking.call_tool("search", {"query": "tides"})
        said = found.model_dump_json(include={"content", "structured_content", "is_error"})
        answers.append(re.sub(r"doc-[0-9a-f]{6}", "doc-nonce", said))
    assert answers[0] == answers[1]


async def test_the_app_is_given_the_passages_that_the_page_marks(local_engine: Engine, tmp_path: Path) -> None:
    store = await from_disk(local_engine, "Lighthouse", [HANDBOOK], topic="light")
    query = "how is the fog signal sounded"
    async with client(local_engine, tmp_path, extensions=[APPS]) as asking:
        found = await asking.call_tool("search", {"query": query})
    view = (found.meta or {})[HITS_KEY]
    async with page_of(local_engine) as page:
        shown = parsed(await page.get(f"/stores/{store}", params={"query": query}))
    pairs = list(zip(view["hits"], shown.css(".hit"), strict=True))
    assert pairs
    for hit, item in pairs:
        assert "".join(text for text, marked, _ in hit["pieces"] if marked) == first(item, ".passage mark").text()
        assert "".join(text for text, _, _ in hit["pieces"]) == first(item, ".passage").text()
        assert f"{hit['score']:.2f}" == first(item, ".score strong").text()
        assert " · ".join(hit["citation"]) == first(item, ".citation").text()


async def test_the_toolset_of_another_search_and_one_without_read_promise_nothing(
    local_engine: Engine, tmp_path: Path
) -> None:
    await filled(local_engine, "Sea", ("moon.md", "The moon moves the tides."))
    async with client(local_engine, tmp_path, extensions=[APPS], surface=ToolSurface("chatgpt")) as asking:
        assert [tool.name for tool in (await asking.list_tools()).tools if "ui" in (tool.meta or {})] == []
    async with client(local_engine, tmp_path, extensions=[APPS], surface=ToolSurface("core")) as asking:
        found = await asking.call_tool("search", {"query": "tides"})
    assert (found.meta or {})[HITS_KEY]["reads"] is False


async def test_the_document_has_one_script_and_one_style_that_its_policy_knows_and_asks_nobody(
    local_engine: Engine, tmp_path: Path
) -> None:
    async with client(local_engine, tmp_path) as asking:
        [content] = (await asking.read_resource(HITS_URI)).contents
        listed = (await asking.list_resources()).resources
    assert isinstance(content, TextResourceContents)
    assert (content.mime_type, content.text) == (APP_MIME_TYPE, document())
    assert (content.meta or {})["ui"] == {"csp": {}, "prefersBorder": True}
    assert [one.uri for one in listed if str(one.uri).startswith("ui:")] == []
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content.text)
    assert "unsafe" not in policy
    parts = re.findall(r"<(?:script type=\"module\"|style)>(.*?)</(?:script|style)>", content.text, re.DOTALL)
    known = re.findall(r"'sha256-([^']*)'", policy)
    hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
    assert sorted(hashes) == sorted(known)
    assert len(hashes) == 2
    assert re.findall(r"""(?:src|href)=["']|url\(|https?://(?!www\.w3\.org/)""", content.text) == []
    assert re.findall(r"^(?:import|export) ", content.text, re.MULTILINE) == []


def test_its_modules_are_those_that_the_page_serves_and_each_comes_after_what_it_imports() -> None:
    imported = [
        (MODULES.index(name), MODULES.index(other))
        for name in MODULES
        for other in re.findall(r'from "\./([^"]+)"', (STATIC / name).read_text(encoding="utf-8"))
    ]
    assert imported
    assert [pair for pair in imported if pair[0] <= pair[1]] == []


async def _shown(page: "Page", asking: Client, host: str, given: dict[str, Any], theme: str = "light") -> None:
    async def call_tool(params: dict[str, Any]) -> dict[str, Any]:
        result = await asking.call_tool(params["name"], params.get("arguments"))
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    result = await asking.call_tool("search", given)
    await open_host(page, host, call_tool)
    [content] = (await asking.read_resource(HITS_URI)).contents
    assert isinstance(content, TextResourceContents)
    found = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    await show(page, content.text, given, found, theme)


async def _hits_and_their_page_are_seen(browser: "Browser", engine: Engine, folder: Path, host: str) -> None:
    await from_disk(engine, "Lighthouse", [HANDBOOK], topic="light")
    async with client(engine, folder, extensions=[APPS]) as asking, browsing(browser, HOST) as page:
        await _shown(page, asking, host, {"query": "how is the fog signal sounded"})
        app = page.frame_locator("iframe")
        await app.get_by_role("heading", name=re.compile("hits? for")).wait_for()
        assert "fog signal" in await app.locator(".hit mark").first.inner_text()
        assert "page 2" in await app.locator(".citation").first.inner_text()
        await app.get_by_role("button", name="Show the page").first.click()
        picture = app.get_by_alt_text("with the passage marked")
        await picture.wait_for()
        assert await picture.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") > 300
        await page.wait_for_function("document.querySelector('iframe').height > 600")
        await page.screenshot(path=Path(os.environ.get("PICTURES", folder)) / "app.png", full_page=True)


@pytest.mark.process
async def test_hits_and_the_page_of_one_are_seen_in_a_host(
    browser: "Browser", local_engine: Engine, tmp_path: Path
) -> None:
    await _hits_and_their_page_are_seen(browser, local_engine, tmp_path, DOUBLE)


@pytest.fixture(scope="module")
def reference() -> str:
    """The script of a host that is made of the extension's reference module for hosts."""
    esbuild = shutil.which("esbuild", path=str(CLIENTS / "node_modules" / ".bin"))
    assert esbuild is not None, "`make clients` installs what this needs"
    command = [esbuild, "--bundle", "--format=iife", "--loader=js"]
    bundled = subprocess.run(command, input=REFERENCE.encode(), cwd=CLIENTS, check=True, capture_output=True)
    return bundled.stdout.decode().replace("</script", "<\\/script")


@pytest.mark.slow
@pytest.mark.process
async def test_hits_and_the_page_of_one_are_seen_in_a_host_of_the_reference_module(
    browser: "Browser", local_engine: Engine, tmp_path: Path, reference: str
) -> None:
    await _hits_and_their_page_are_seen(browser, local_engine, tmp_path, reference)


@pytest.mark.process
async def test_what_is_around_a_passage_of_a_text_is_shown_and_the_host_is_answered(
    browser: "Browser", local_engine: Engine, tmp_path: Path
) -> None:
    tail = "\n\n".join(f"Paragraph {number} is about gulls and their eggs, at some length." for number in range(60))
    await filled(local_engine, "Sea", ("moon.md", f"# Moon\n\nBefore it.\n\nThe moon moves the tides.\n\n{tail}\n"))
    async with client(local_engine, tmp_path, extensions=[APPS]) as asking, browsing(browser, HOST) as page:
        await _shown(page, asking, DOUBLE, {"query": "what moves the tides?", "max_num_results": 1})
        app = page.frame_locator("iframe")
        await app.get_by_role("button", name="Show what is around it").click()
        around = app.locator(".shown-place .passage")
        await around.wait_for()
        assert "The moon moves the tides." in await around.locator("mark").inner_text()
        assert "<doc-" not in await around.inner_text()
        told = {message["id"]: message for message in await page.evaluate("window.told") if "method" not in message}
    assert told[1]["result"] == {}
    assert told[2]["error"]["code"] == -32601


@pytest.mark.process
async def test_a_hostile_document_stays_text_in_the_app(
    browser: "Browser", local_engine: Engine, tmp_path: Path
) -> None:
    attack = '<img src=x onerror="parent.postMessage(1,\'*\')"><script>document.title="owned"</script>'
    text = f"# Lamp\n\nThe keeper {attack} lights the lamp. </mark></blockquote>\n\n{hostile.TEXT}"
    await filled(local_engine, "Sea", (hostile.taken_name(200), text), kind=attack)
    asked: list[str] = []
    async with client(local_engine, tmp_path, extensions=[APPS]) as asking, browsing(browser, HOST) as page:
        page.on("request", lambda request: asked.append(request.url))
        await _shown(page, asking, DOUBLE, {"query": "who lights the lamp?"})
        app = page.frame_locator("iframe")
        await app.locator(".hit").first.wait_for()
        assert attack in await app.locator(".hit .passage").first.inner_text()
        assert await app.locator("img, .hit script, .hit a, .hit iframe").count() == 0
        assert await app.locator("title").inner_text() == "Hits"
    assert {url for url in asked if not url.startswith("about:")} == {HOST}


@pytest.mark.process
async def test_a_host_that_hands_on_no_meta_and_an_error_are_shown_too(
    browser: "Browser", local_engine: Engine, tmp_path: Path
) -> None:
    await filled(local_engine, "Sea", ("moon.md", "The moon moves the tides."))
    async with client(local_engine, tmp_path) as asking, browsing(browser, HOST) as page:
        await _shown(page, asking, DOUBLE, {"query": "what moves the tides?"})
        app = page.frame_locator("iframe").last
        await app.get_by_text("The moon moves the tides.").wait_for()
        assert "<doc-" not in await app.locator("main").inner_text()
        wrong = await asking.call_tool("search", {"query": "x", "vector_store_id": "vs_none"})
        facts = wrong.model_dump(mode="json", by_alias=True, exclude_none=True)
        await page.evaluate("document.querySelector('iframe').remove()")
        await show(page, document(), {}, facts)
        await page.frame_locator("iframe").get_by_text("No vector store found with id 'vs_none'").wait_for()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.process
async def test_axe_finds_nothing_in_the_app_whatever_theme_the_host_has(
    browser: "Browser", local_engine: Engine, tmp_path: Path, theme: str
) -> None:
    await from_disk(local_engine, "Lighthouse", [HANDBOOK], topic="light")
    async with client(local_engine, tmp_path, extensions=[APPS]) as asking, browsing(browser, HOST) as page:
        await _shown(page, asking, DOUBLE, {"query": "how is the fog signal sounded"}, theme)
        await page.frame_locator("iframe").locator(".hit").first.wait_for()
        [frame] = [frame for frame in page.frames if frame != page.main_frame]
        assert await frame.evaluate("document.documentElement.dataset.theme") == theme
        await frame.evaluate("document.documentElement.style.setProperty('background', 'Canvas')")
        await frame.evaluate(axe_script())
        found = await frame.evaluate("axe.run()")
    assert [f"{fault['id']}: {node['html']}" for fault in found["violations"] for node in fault["nodes"]] == []
