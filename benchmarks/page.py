"""The page: first paint in a real browser with 1,000 stores, a list of 100,000 files, memory while nothing happens."""

import asyncio
import shutil
import time

import httpx

from benchmarks.budgets import Result
from benchmarks.metrics import median, percentile
from benchmarks.options import Options
from benchmarks.paging import seed
from benchmarks.processes import OURS, serve
from benchmarks.web import ours

STORES = 1_000
REPEATS = 15
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAINT = """new Promise((done) => new PerformanceObserver((list) => {
    for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
}).observe({type: "paint", buffered: true}))"""
"""The milliseconds to the first paint, which may come after the page's load event."""
IDLE_SECONDS = 20


async def run(options: Options) -> list[Result]:
    """Measure over one data directory: stores that are made over /v1, files that are rows of the catalog."""
    data = options.work / "page"
    shutil.rmtree(data, ignore_errors=True)
    async with serve(OURS, data) as server:
        store = (await server.call("create_store", name="many"))["id"]
        await server.call("upload_file", text="One.", filename="one.txt", vector_store_id=store, wait_seconds=50)
    seed(data)
    async with ours(data, EMBEDDER="none") as web, httpx.AsyncClient(timeout=60) as client:
        url = f"http://127.0.0.1:{web.port}"
        for number in range(STORES - 1):
            await client.post(f"{url}/v1/vector_stores", json={"name": f"store {number}"})
        files = await _times(client, f"{url}/stores/{store}")
        stores = await _times(client, f"{url}/")
        before = web.resident()
        bare, painted = await _painted(f"{url}/health"), await _painted(f"{url}/")
        await asyncio.sleep(IDLE_SECONDS)
        return [
            _paint(painted, bare, stores),
            Result("page_files", "-", f"{1e3 * median(files):.1f} ms", "", median(files) <= 0.1,
                   f"p95 {1e3 * percentile(files, 0.95):.1f} ms"),
            Result("page_memory", f"{before:.0f} MB before a browser came", f"{web.resident():.0f} MB",
                   f"{web.resident() / before:.2f}", web.resident() <= 1.05 * before),
        ]  # fmt: skip


async def _times(client: httpx.AsyncClient, address: str) -> list[float]:
    times: list[float] = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        (await client.get(address)).raise_for_status()
        times.append(time.perf_counter() - began)
    return times


async def _painted(address: str) -> list[float]:
    """Return the milliseconds to the first paint of an address; none without a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return []
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = await running.new_page()
        times: list[float] = []
        for _ in range(REPEATS):
            await page.goto(address)
            times.append(await page.evaluate(PAINT))
        await running.close()
        return times


def _paint(painted: list[float], bare: list[float], stores: list[float]) -> Result:
    html = f"HTML in {1e3 * median(stores):.0f} ms"
    if not painted or not bare:
        return Result("page_paint", html, "no browser on the path", "", reached=False)
    ours, least = median(painted), median(bare)
    note = f"p95 {percentile(painted, 0.95):.0f} ms, the first {painted[0]:.0f}"
    return Result(
        "page_paint",
        f"a line of JSON in {least:.0f} ms, {html}",
        f"{ours:.0f} ms",
        f"{ours / least:.1f}",
        ours <= 100,
        note,
    )
