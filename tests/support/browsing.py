"""A real browser on a real server: Chromium, driven by Playwright; where there is none the tests are skipped."""

import shutil
from contextlib import asynccontextmanager
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from playwright.async_api import Browser, BrowserContext, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60


def chromium() -> str:
    """Return where the browser is; skip the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser on the path ({', '.join(NAMES)}); Debian's package is chromium")
    return found


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> "AsyncGenerator[Browser]":
    """One browser for the tests of a module: with it their event loop goes on, which no other module must meet."""
    path = chromium()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=path, headless=True, args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        await running.close()


@asynccontextmanager
async def browsing(browser: "Browser", url: str, **context: Any) -> "AsyncGenerator[Page]":
    """Open a page of its own context. Whatever the page's scripts or its policy complain of fails the test."""
    complaints: list[str] = []
    opened: BrowserContext = await browser.new_context(base_url=url, **context)
    opened.set_default_timeout(SECONDS * 1_000)
    page = await opened.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    try:
        yield page
    finally:
        await opened.close()
    expected = "Failed to load resource"  # what a refused request leaves in the console; tests look at the page itself
    assert [text for text in complaints if expected not in text] == []


def axe_script() -> str:
    """Return axe-core as the package for Playwright brings it."""
    [script] = (file for file in files("axe-playwright-python") or () if file.name == "axe.min.js")
    return Path(str(script.locate())).read_text(encoding="utf-8")
