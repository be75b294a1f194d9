"""`open`: the owner of a data directory comes to its page, and nobody else on the machine does."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.streams.text import TextReceiveStream

from support.served import environment
from support.webserver import web
from vectorstores_server.engines.local.directory.names import is_ours
from vectorstores_server.page.opening import FILE, MOST_WAITING, SECONDS_GOOD, OneTimeTokens, PageServer

pytestmark = pytest.mark.process

OPEN = (sys.executable, "-m", "vectorstores_server", "open", "--print")


@asynccontextmanager
async def opening(folder: Path) -> AsyncGenerator[str]:
    """Run `open --print`; yield the address that it writes; whatever happens it has ended afterwards."""
    async with await anyio.open_process(
        OPEN, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(folder, embedder="none")
    ) as process:
        try:
            assert process.stdout is not None
            with anyio.fail_after(120):
                yield (await TextReceiveStream(process.stdout).receive()).strip()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def test_a_server_of_its_own_lets_in_who_has_the_address_once_and_nobody_else(tmp_path: Path) -> None:
    async with opening(tmp_path) as address:
        url = address.partition("/sign-in?")[0]
        private = tmp_path / "data" / FILE
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
        assert is_ours(FILE)
        async with httpx.AsyncClient(base_url=url, headers={"accept": "text/html"}) as other:
            for path in ("/", "/v1/vector_stores", "/mcp", "/metrics", "/page/v1/vector_stores"):
                assert (await other.get(path)).status_code in (303, 401), path
            assert (await other.post("/page/opening")).status_code == 401
        async with httpx.AsyncClient(base_url=url, follow_redirects=True) as owner:
            page = await owner.get(address)
            assert page.status_code == 200
            assert "There is no store yet" in page.text
        async with httpx.AsyncClient(base_url=url) as late:
            assert (await late.get(address)).status_code == 401
        async with opening(tmp_path) as again:
            assert again.startswith(f"{url}/sign-in?once=")
            assert again != address
        async with httpx.AsyncClient(base_url=url, follow_redirects=True) as owner:
            assert (await owner.get(again)).status_code == 200
    assert not private.exists()


async def test_it_finds_a_server_that_runs_and_one_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    async with web(tmp_path) as (url, _), opening(tmp_path) as address:
        assert address == f"{url}/"
    dead = {"url": "http://127.0.0.1:9", "secret": "x", "process": os.getpid()}
    (tmp_path / "data" / FILE).write_text(json.dumps(dead))
    async with opening(tmp_path) as address:
        assert "once=" in address
        assert ":9/" not in address


async def test_with_tokens_the_owner_comes_in_without_one(tmp_path: Path) -> None:
    async with (
        web(tmp_path, tokens="writer-1234") as (url, _),
        opening(tmp_path) as address,
        httpx.AsyncClient(base_url=url, follow_redirects=True) as owner,
    ):
        assert (await owner.get(address)).status_code == 200
        token = {"authorization": "Bearer writer-1234"}
        assert (await owner.post("/page/opening", headers=token)).status_code == 403


def test_a_token_is_good_once_and_for_a_while() -> None:
    now = [0.0]
    tokens = OneTimeTokens("secret", lambda: now[0])
    first, second = tokens.issue(), tokens.issue()
    assert tokens.take(first)
    assert not tokens.take(first)
    now[0] = SECONDS_GOOD
    assert not tokens.take(second)
    oldest, *rest = [tokens.issue() for _ in range(MOST_WAITING + 1)]
    assert not tokens.take(oldest)
    assert all(tokens.take(token) for token in rest)


def test_a_private_file_that_is_no_such_thing_names_no_server(tmp_path: Path) -> None:
    for content in ("", "[]", "{}", '{"url": 1, "secret": "x", "process": 2}', "\x00"):
        (tmp_path / FILE).write_text(content)
        assert PageServer.read(tmp_path) is None
    first = PageServer("http://127.0.0.1:1", "a")
    PageServer("http://127.0.0.1:2", "b").write(tmp_path)
    first.remove(tmp_path)
    assert PageServer.read(tmp_path) is not None
