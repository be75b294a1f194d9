"""The page in a real browser: a person adds files, searches, sees the passage on its page, and takes things away."""

import os
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client

from support import hostile
from support.browsing import axe_script, browser, browsing
from support.checkout import ROOT
from support.many_files import with_many_files
from support.pages import TOKENS, filled
from support.serving import house
from vectorstores_server.http.policy import Policy
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.requests import FilesRequest, PageRequest, StoreFilesRequest

pytestmark = pytest.mark.process

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

__all__ = ["browser"]

DOCS = ROOT / "docs"
PICTURES = ("page-stores", "page-files", "page-search", "page-file", "page-calls")
EXAMPLES = ROOT / "examples" / "documents"
HANDBOOK = EXAMPLES / "keepers-handbook.pdf"
DROP = """([target, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) transfer.items.add(new File([text], name));
  document.querySelector(target).dispatchEvent(
    new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }),
  );
}"""
NOTES = [["moon.md", "# Moon\n\nThe moon moves the tides.\n"], ["wind.md", "# Wind\n\nThe wind moves the waves.\n"]]


@pytest.fixture
async def url(local_engine: Engine, tmp_path: Path) -> AsyncGenerator[str]:
    """A server that asks for no token."""
    async with house(local_engine, tmp_path) as running:
        yield running.url


@pytest.fixture
async def guarded(local_engine: Engine, tmp_path: Path) -> AsyncGenerator[str]:
    """A server with tokens."""
    async with house(local_engine, tmp_path, Policy(verifier=TOKENS)) as running:
        yield running.url


async def test_a_person_makes_a_store_drops_files_finds_a_sentence_and_deletes_the_store(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    async with browsing(browser, url) as page:
        await page.goto("/")
        await page.get_by_role("button", name="New store").click()
        await page.get_by_label("Name", exact=True).fill("Sea")
        await page.get_by_role("button", name="Make it").click()
        await page.wait_for_url("**/stores/vs_*")
        await page.evaluate(DROP, [".drop", NOTES])
        await page.get_by_role("link", name="moon.md").wait_for()
        await page.locator("tr", has_text="moon.md").locator(".badge.completed").wait_for()
        await page.locator("tr", has_text="wind.md").locator(".badge.completed").wait_for()
        await page.get_by_role("searchbox").fill("what moves the tides?")
        await page.keyboard.press("Enter")
        await page.locator(".hit mark", has_text="The moon moves the tides.").first.wait_for()
        await page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog")
        assert "2 files" in await dialog.inner_text()
        await dialog.get_by_role("button", name="Delete the store").click()
        await page.get_by_text("There is no store yet").wait_for()
    assert (await local_engine.list_stores(PageRequest())).data == []


async def test_a_store_is_deleted_with_its_files_and_nothing_is_left_that_nobody_sees(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    await filled(local_engine, "Sky", ("star.md", "A star."))
    store = await filled(local_engine, "Sea", *((name, text) for name, text in NOTES))
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        await page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Delete the uploaded files too").check()
        await dialog.get_by_role("button", name="Delete the store").click()
        await page.wait_for_url(url + "/")
    assert [file.filename for file in (await local_engine.list_files(FilesRequest())).data] == ["star.md"]


async def test_a_long_text_is_shown_from_its_passage(browser: "Browser", url: str, local_engine: Engine) -> None:
    rest = "\n\n".join(f"Paragraph {number} tells of gulls." for number in range(40))
    store = await filled(local_engine, "Sea", ("long.md", f"{rest}\n\nThe moon moves the tides.\n\n{rest}"))
    async with browsing(browser, url, viewport={"width": 1000, "height": 500}) as page:
        await page.goto(f"/stores/{store}?query=what+moves+the+tides")
        await page.locator(".hit h3 a").first.click()
        mark = page.locator(".lines mark").first
        box, inside = await page.locator(".text").bounding_box(), await mark.bounding_box()
        assert box
        assert inside
        assert box["y"] <= inside["y"] <= box["y"] + box["height"]


async def test_a_pdf_is_uploaded_found_and_seen_on_its_page_with_the_passage_marked(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    store = await filled(local_engine, "Handbook")
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        await page.locator("[data-pick=files]").set_input_files(HANDBOOK)
        await page.locator("tr .badge.completed").wait_for()
        await page.goto(f"/stores/{store}?query=how+is+the+fog+signal+sounded")
        await page.get_by_role("link", name="Show the page").first.click()
        picture = page.locator("img.sheet")
        await picture.wait_for()
        assert await picture.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") > 300
        assert await page.evaluate(YELLOW) > 500
        assert "fog signal" in " ".join(await page.locator(".lines mark").all_inner_texts())
        assert "page 2 of 3" in await page.locator(".citation").inner_text()
        await page.get_by_role("link", name="Page 3").click()
        await page.get_by_role("link", name="Page 2").wait_for()


YELLOW = """() => {
  const sheet = document.querySelector("img.sheet");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [sheet.naturalWidth, sheet.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(sheet, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let at = 0; at < data.length; at += 4) found += data[at] > 200 && data[at + 1] > 180 && data[at + 2] < 150;
  return found;
}"""


async def test_a_folder_is_uploaded_with_its_paths_and_a_click_on_one_filters(
    browser: "Browser", url: str, local_engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    (folder / "sea").mkdir(parents=True)
    for name, text in NOTES:
        (folder / "sea" / name).write_text(text, encoding="utf-8")
    store = await filled(local_engine, "Sea")
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        await page.locator("[data-pick=folder]").set_input_files(folder)
        await page.locator("tr", has_text="moon.md").locator(".badge.completed").wait_for()
        await page.locator("tr", has_text="wind.md").locator(".badge.completed").wait_for()
        await page.goto(f"/stores/{store}?query=moves")
        assert await page.locator(".hit").count() == 2
        await page.get_by_role("link", name="path: notes/sea/wind.md").click()
        await page.locator(".chip.on").wait_for()
        assert await page.locator(".hit").count() == 1
        await page.locator(".chip.on").click()
        await page.locator(".hit").nth(1).wait_for()


async def test_attributes_are_edited_a_store_renamed_and_a_file_deleted_everywhere(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    store = await filled(local_engine, "Sea", ("moon.md", NOTES[0][1]), topic="tides")
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        await page.get_by_role("button", name="Attributes of moon.md").click()
        dialog = page.get_by_role("dialog")
        assert await dialog.get_by_label("Name").input_value() == "topic"
        await dialog.get_by_role("button", name="Add one").click()
        await page.keyboard.type("year")
        await dialog.get_by_label("Value").nth(1).fill("many")
        await dialog.get_by_label("Kind").nth(1).select_option("number")
        await dialog.get_by_role("button", name="Save").click()
        await dialog.get_by_text("is no number").wait_for()
        await dialog.get_by_label("Value").nth(1).fill("2020")
        await dialog.get_by_role("button", name="Save").click()
        await page.get_by_role("link", name="year: 2020").wait_for()
        [file] = (await local_engine.list_store_files(store, StoreFilesRequest())).data
        assert file.attributes == {"topic": "tides", "year": 2020}

        await page.get_by_role("button", name="Rename").click()
        await dialog.get_by_label("Name").fill("Sea & sky")
        await dialog.get_by_role("button", name="Rename").click()
        await page.get_by_role("heading", name="Sea & sky").wait_for()

        await page.get_by_role("button", name="Delete moon.md").click()
        await dialog.get_by_label(re.compile("Delete the uploaded file too")).check()
        await dialog.get_by_role("button", name="Delete", exact=True).click()
        await page.get_by_text("The store is empty").wait_for()
    assert (await local_engine.list_files(FilesRequest())).data == []


async def test_a_file_that_fails_says_why_and_is_named_where_it_was_not_searched(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    store = await filled(local_engine, "Sea", ("moon.md", NOTES[0][1]))
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        await page.evaluate(DROP, [".drop", [["broken.pdf", "no pdf"]]])
        await page.locator("tr .badge.failed").wait_for()
        assert len(await page.locator("tr", has_text="broken.pdf").locator(".problem").inner_text()) > 10
        await page.goto(f"/stores/{store}?query=moon")
        await page.get_by_role("link", name="1 that failed").click()
        await page.locator("tr .badge.failed").wait_for()
        assert await page.locator("tbody tr").count() == 1


async def test_an_upload_in_progress_shows_it_and_a_reload_loses_nothing_that_arrived(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    store = await filled(local_engine, "Sea")
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        slow: Any = await page.context.new_cdp_session(page)
        line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
        await slow.send("Network.emulateNetworkConditions", line)
        await page.evaluate(DROP, [".drop", [["first.md", "The moon."], ["second.md", "The wind. " * 600_000]]])
        await page.get_by_text("1 of 2 uploaded").wait_for()
        bar = page.locator(".sending progress")
        while not 0 < await bar.evaluate("(bar) => bar.value / bar.max") < 0.9:
            await page.wait_for_timeout(50)
        await page.reload()
        await page.get_by_text("Not uploaded when the page was loaded anew: second.md").wait_for()
        await page.get_by_role("link", name="first.md").wait_for()
    files = (await local_engine.list_files(FilesRequest())).data
    assert [file.filename for file in files] == ["first.md"]


async def test_an_upload_is_cancelled_and_leaves_nothing_behind(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    store = await filled(local_engine, "Sea")
    async with browsing(browser, url) as page:
        await page.route("**/page/stores/*/files?*", lambda route: None)
        await page.goto(f"/stores/{store}")
        await page.evaluate(DROP, [".drop", [[f"{number}.md", "The moon."] for number in range(9)]])
        await page.get_by_text("0 of 9 uploaded").wait_for()
        await page.get_by_role("button", name="Cancel", exact=True).click()
        await page.get_by_text("Cancelled.").first.wait_for()
    assert (await local_engine.list_files(FilesRequest())).data == []


async def test_signing_in_out_and_reading_only(browser: "Browser", guarded: str, local_engine: Engine) -> None:
    store = await filled(local_engine, "Sea", ("moon.md", NOTES[0][1]))
    async with browsing(browser, guarded) as page:
        await page.goto(f"/stores/{store}")
        await page.get_by_label("Token").fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_text("This token is not known here.").wait_for()
        await page.get_by_label("Token").fill("reading-token")
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/")
        await page.get_by_role("link", name="Sea").click()
        await page.get_by_role("link", name="moon.md").wait_for()
        for name in ("Rename", "Delete", "Choose files"):
            assert await page.get_by_role("button", name=name).count() == 0
        assert await page.evaluate("document.cookie") == ""
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Token").wait_for()
        await page.goto("/")
        await page.get_by_label("Token").wait_for()


async def test_a_hostile_document_runs_nothing_and_reaches_nobody(
    browser: "Browser", url: str, local_engine: Engine
) -> None:
    script = "<script>window.pwned=1</script><img src=x onerror='window.pwned=2'><svg onload='window.pwned=3'>"
    link = "<a href='https://evil.example/'>click</a>[click](javascript:window.pwned=4)"
    await filled(
        local_engine,
        f"{script}{hostile.taken_name(100)}",
        ("evil.md", f"# Lamp{script}\n\n{script}{link}\nlamp"),
        lamp=script,
    )
    async with browsing(browser, url) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto("/")
        await page.locator(".card h2 a").click()
        await page.get_by_role("button", name="Attributes").click()
        await page.keyboard.press("Escape")
        await page.get_by_role("searchbox").fill(f"lamp {script}")
        await page.keyboard.press("Enter")
        await page.locator(".hit").wait_for()
        assert "<script>" in await page.locator(".hit .passage").first.inner_text()
        await page.locator(".hit h3 a").click()
        await page.locator(".lines").wait_for()
        assert await page.evaluate("window.pwned") is None
        assert all(address.startswith(url) for address in asked), asked


@pytest.mark.slow
async def test_a_store_of_100_000_files_is_paged_and_filtered(
    browser: "Browser", url: str, local_engine: Engine, tmp_path: Path
) -> None:
    store = await with_many_files(local_engine, tmp_path / "data", 100_000)
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        assert "100,000" in await page.locator("#store-facts").inner_text()
        assert await page.locator("tbody tr").count() == 50
        first = await page.locator("tbody th a").first.inner_text()
        await page.get_by_role("link", name="Older").click()
        await page.wait_for_url("**after=*")
        assert await page.locator("tbody th a").first.inner_text() != first
        await page.get_by_role("link", name="Newer").click()
        await page.wait_for_url("**before=*")
        assert await page.locator("tbody th a").first.inner_text() == first
        await page.get_by_role("link", name="Failed", exact=True).click()
        await page.wait_for_url("**status=failed")
        assert await page.locator("tbody .badge.failed").count() == 50


async def work_as_an_agent(page: "Page", url: str, store: str) -> None:
    """Call tools over MCP and search over /v1, and wait until the page shows both."""
    query = "how is the fog signal sounded"
    async with Client(f"{url}/mcp") as agent:
        await agent.call_tool("list", {})
        await agent.call_tool("search", {"vector_store_id": store, "query": [query, "the fog horn"]})
        await agent.call_tool("retrieve", {"vector_store_id": "vs_nothing"})
    await page.request.post(f"{url}/v1/vector_stores/{store}/search", data={"query": query})
    await page.goto("/calls")
    await page.locator("tbody tr", has_text="search (/v1)").first.wait_for()
    await page.locator("tbody tr .badge.failed").first.wait_for()


async def views(page: "Page", url: str, store: str) -> AsyncGenerator[str]:
    """Open each view, with data."""
    yield "/"
    yield f"/stores/{store}"
    yield f"/stores/{store}?query=how+is+the+fog+signal+sounded"
    await page.goto(f"/stores/{store}?query=how+is+the+fog+signal+sounded")
    yield await page.locator(".hit h3 a").first.get_attribute("href") or ""
    await work_as_an_agent(page, url, store)
    yield "/calls"
    yield "/stores/vs_nothing"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_any_view(browser: "Browser", url: str, local_engine: Engine, scheme: Any) -> None:
    store = await _with_handbook(local_engine)
    axe = axe_script()
    async with browsing(browser, url, color_scheme=scheme) as page:
        found: dict[str, list[str]] = {}
        async for address in views(page, url, store):
            await page.goto(address)
            found[address] = await _violations(page, axe)
        assert found
        assert {address: faults for address, faults in found.items() if faults} == {}
        await page.goto("/")
        await page.get_by_role("button", name="New store").click()
        assert await _violations(page, axe) == []
        await page.goto(f"/stores/{store}")
        await page.get_by_role("button", name="Attributes").first.click()
        assert await _violations(page, axe) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_on_the_way_in(browser: "Browser", guarded: str, scheme: Any) -> None:
    async with browsing(browser, guarded, color_scheme=scheme) as page:
        await page.goto("/sign-in")
        await page.get_by_label("Token").fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_role("alert").wait_for()
        assert await _violations(page, axe_script()) == []


async def _violations(page: "Page", axe: str) -> list[str]:
    await page.evaluate(axe)
    found = await page.evaluate("axe.run()")
    return [f"{v['id']}: {node['html']}" for v in found["violations"] for node in v["nodes"]]


async def _with_handbook(engine: Engine) -> str:
    from support.pages import from_disk

    return await from_disk(engine, "Lighthouse papers", sorted(EXAMPLES.iterdir()), kind="manual", year=1911)


@pytest.mark.slow
async def test_the_pictures_of_the_docs_are_of_the_views(
    browser: "Browser", url: str, local_engine: Engine, tmp_path: Path
) -> None:
    """With PICTURES=docs/pictures in the environment they are made anew."""
    store = await _with_handbook(local_engine)
    await filled(local_engine, "Sea", *((name, text) for name, text in NOTES))
    folder = Path(os.environ.get("PICTURES", tmp_path))
    async with browsing(browser, url, viewport={"width": 1200, "height": 850}) as page:
        for name, address in zip(PICTURES, [address async for address in views(page, url, store)], strict=False):
            await page.goto(address)
            for sheet in await page.locator("img.sheet").all():
                await sheet.evaluate("(image) => image.decode()")
            await page.screenshot(path=folder / f"{name}.png")
    assert min((folder / f"{name}.png").stat().st_size for name in PICTURES) > 10_000
    shown = (DOCS / "page.md").read_text(encoding="utf-8")
    for name in PICTURES:
        assert f"(pictures/{name}.png)" in shown
        assert (DOCS / "pictures" / f"{name}.png").exists()


@pytest.mark.slow
async def test_no_view_is_wider_than_a_narrow_screen(browser: "Browser", url: str, local_engine: Engine) -> None:
    store = await _with_handbook(local_engine)
    async with browsing(browser, url, viewport={"width": 360, "height": 700}) as page:
        widths: dict[str, int] = {}
        async for address in views(page, url, store):
            await page.goto(address)
            widths[address] = await page.evaluate("document.documentElement.scrollWidth")
        assert widths
        assert {address: width for address, width in widths.items() if width > 360} == {}


async def test_everything_is_reached_with_the_keyboard(browser: "Browser", url: str, local_engine: Engine) -> None:
    store = await filled(local_engine, "Sea", ("moon.md", NOTES[0][1]))
    async with browsing(browser, url) as page:
        await page.goto(f"/stores/{store}")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
        reached: set[str] = set()
        for _ in range(40):
            reached.add(await page.evaluate("document.activeElement.textContent.trim().split('\\n')[0]"))
            await page.keyboard.press("Tab")
        assert {"Rename", "Delete", "Choose files", "Choose a folder", "moon.md", "Search"} <= reached
        await page.get_by_role("button", name="Delete", exact=True).focus()
        await page.keyboard.press("Enter")
        assert await page.get_by_role("dialog").is_visible()
        assert await page.evaluate("document.activeElement.textContent") == "Keep it"
        await page.keyboard.press("Escape")
        assert await page.get_by_role("dialog").count() == 0


async def test_the_page_reads_and_searches_without_scripts(browser: "Browser", url: str, local_engine: Engine) -> None:
    store = await filled(local_engine, "Sea", ("moon.md", NOTES[0][1]))
    async with browsing(browser, url, java_script_enabled=False) as page:
        await page.goto("/")
        await page.get_by_role("link", name="Sea").click()
        await page.get_by_role("searchbox").fill("tides")
        await page.keyboard.press("Enter")
        await page.locator(".hit mark").first.wait_for()
        await page.locator(".hit h3 a").click()
        await page.locator(".lines mark").first.wait_for()
        await page.goto(f"/stores/{store}")
        assert await page.locator(".needs-script >> visible=true").count() == 0
