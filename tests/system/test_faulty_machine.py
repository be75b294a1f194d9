"""Real processes on a machine that has no descriptors left, takes permissions away, kills, or is lied to."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import httpx
import pytest

from support import hostile
from support.checkout import TESTS
from support.commands import Run
from support.hostile import clean
from support.log_rows import check_log
from support.served import environment
from support.serving import address
from support.waiting import moment
from support.webserver import COMMAND

pytestmark = pytest.mark.process

PATIENCE = 60.0
UNPRIVILEGED = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")
"""Whoever runs as root obeys no permissions without this."""


@asynccontextmanager
async def server(folder: Path, *prefix: str, **settings: str) -> AsyncGenerator[tuple[str, Path]]:
    """Start a server behind `prefix` on a free port; yield its address and its log."""
    log = folder / "stderr"
    command = [*prefix, *COMMAND, "--http", "127.0.0.1:0"]
    with log.open("wb") as stderr:
        async with await anyio.open_process(
            command, stdin=subprocess.DEVNULL, stderr=stderr, env=environment(folder, **settings)
        ) as process:
            try:
                yield await address(log), log
                process.send_signal(signal.SIGTERM)
                with anyio.fail_after(30):
                    await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()


async def test_health_answers_with_no_descriptor_left(tmp_path: Path) -> None:
    limited = ("sh", "-c", 'ulimit -n 900 && exec "$@"', "sh")
    async with server(tmp_path, *limited) as (url, log):
        host, port = url.removeprefix("http://").split(":")
        with ExitStack() as held:
            for _ in range(1_000):
                held.enter_context(socket.create_connection((host, int(port)), timeout=20))
            for path in ("/health", "/ready") * 5:
                reply = await patient_get(f"{url}{path}")
                assert reply.status_code == 200, reply.text
            refused = await patient_get(f"{url}/v1/vector_stores")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert log.stat().st_size < 20_000, log.read_text()[-2_000:]


async def patient_get(url: str) -> httpx.Response:
    """Ask until the server has taken what waits before this connection."""
    with anyio.fail_after(PATIENCE):
        while True:
            with suppress(httpx.TransportError):
                async with httpx.AsyncClient() as http:
                    reply = await http.get(url)
                if reply.status_code != 503 or "/v1" in url:
                    return reply


@pytest.mark.skipif(
    os.name != "posix" or (os.getuid() == 0 and not shutil.which("setpriv")), reason="root obeys no modes"
)
async def test_a_running_server_goes_on_by_itself_when_permissions_come_back(tmp_path: Path) -> None:
    prefix = UNPRIVILEGED if os.getuid() == 0 else ()
    async with server(tmp_path, *prefix) as (url, _), httpx.AsyncClient(base_url=url, timeout=60) as http:
        store = (await http.post("/v1/vector_stores", json={"name": "s"})).json()["id"]
        assert (await attach(http, store, "one.txt")).status_code == 200
        await until_completed(http, store, 1)
        folders = [tmp_path / "data" / name for name in ("blobs", "text", "index")]
        for folder in folders:
            folder.chmod(0)
        refused = await http.post(
            "/v1/files", files={"file": ("two.txt", b"two lamps")}, data={"purpose": "assistants"}
        )
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error"), refused.text
        for folder in folders:
            folder.chmod(0o700)
        assert (await attach(http, store, "three.txt")).status_code == 200
        await until_completed(http, store, 2)
        assert (await patient_get(f"{url}/ready")).status_code == 200
        found = (await http.post(f"/v1/vector_stores/{store}/search", json={"query": "lamp three"})).json()
        assert found["data"][0]["filename"] == "three.txt"


async def attach(http: httpx.AsyncClient, store: str, name: str) -> httpx.Response:
    file = await http.post(
        "/v1/files", files={"file": (name, f"A lamp, {name}".encode())}, data={"purpose": "assistants"}
    )
    assert file.status_code == 200, file.text
    return await http.post(f"/v1/vector_stores/{store}/files", json={"file_id": file.json()["id"]})


async def until_completed(http: httpx.AsyncClient, store: str, files: int) -> None:
    with anyio.fail_after(PATIENCE):
        while (await http.get(f"/v1/vector_stores/{store}")).json()["file_counts"]["completed"] < files:
            await moment()


async def test_the_log_of_a_server_is_one_line_an_entry_whatever_is_asked_of_it(tmp_path: Path) -> None:
    forged = hostile.name(900)
    strange = [(b"content-type", b"a/b"), (b"user-agent", "x\u2028\x85NAMEFORGED".encode())]
    forged_origin = [(b"host", b"evil.example"), (b"origin", "http://evil\u2028x".encode())]
    async with server(tmp_path) as (url, log), httpx.AsyncClient(base_url=url) as http:
        store = (await http.post("/v1/vector_stores", json={"name": forged[:200]})).json()
        for body in (forged, f'{{"name": {forged!r}}}', '{"name": "\\ud800\\u2028"}', "[" * 5_000):
            await http.post("/v1/vector_stores", content=body.encode("utf-8", "replace"))
        for path in (
            f"/v1/{store.get('id')}",
            "/v1/vector_stores/%0aNAMEFORGED%0d%85%e2%80%a8",
            "/%1b[31m%00",
            "/mcp?x=%0aNAMEFORGED",
        ):
            await http.get(path)
            await http.post(
                path,
                content=b"\xff\x00\n",
                headers=strange,
            )
        await http.post("/v1/files", files={"file": (forged[:200], b"x")}, data={"purpose": forged[:90]})
        await http.post(
            "/v1/files", content=b"--x\r\n\r\n", headers={"content-type": "multipart/form-data; boundary=x"}
        )
        await http.get("/health", headers=forged_origin)
        for raw in (
            b"GET /\x00 HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01" + bytes(200),
            b"GET / HTTP/1.1\r\nNAMEFORGED\r\n\r\n",
        ):
            await raw_request(url, raw)
    written = log.read_text(encoding="utf-8")
    check_log(written)
    assert "Traceback" not in written
    assert clean(written) == written


async def raw_request(url: str, sent: bytes) -> None:
    host, port = url.removeprefix("http://").split(":")
    async with await anyio.connect_tcp(host, int(port)) as stream:
        await stream.send(sent)
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError), anyio.move_on_after(2):
            while True:
                await stream.receive()


@pytest.fixture
def hostile_address(tmp_path: Path) -> Generator[str]:
    """A service that says nothing good, in a process of its own: commands run loops of their own."""
    process = subprocess.Popen([sys.executable, "-m", "support.hostile"], cwd=TESTS, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_commands_end_and_are_harmless_before_a_remote_that_says_nothing_good(
    run: Run, hostile_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VECTOR_STORES_BACKEND", "remote")
    monkeypatch.setenv("VECTOR_STORES_REMOTE_BASE_URL", hostile_address)
    (tmp_path / "a.md").write_text("A lamp.")
    commands = [
        ["ls"], ["ls", hostile.STORE], ["show", hostile.STORE], ["show", hostile.FILE], ["search", "keeper"],
        ["doctor"],
        ["search", "--store", hostile.STORE, "keeper"], ["reindex", hostile.STORE], ["rm", hostile.FILE, "--yes"],
        ["add", "--store", hostile.STORE, str(tmp_path / "a.md")], ["rm", hostile.STORE, "--yes"],
    ]  # fmt: skip
    for command in commands:
        _, out, err = run(*command)
        assert list(hostile.faults(out)) == [], command
        assert list(hostile.faults(err)) == [], command
        assert out or err, f"{command} says nothing"


@pytest.mark.slow
def test_a_backup_that_is_killed_is_none_and_harms_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for number in range(8):
        (tmp_path / "notes" / f"{number}.txt").write_bytes(f"lamp {number} ".encode() * 60_000)
    code, out, err = run("add", "--store", "s", tmp_path / "notes")
    assert code == 0, out + err
    for kill in range(3):
        target = tmp_path / f"backup-{kill}"
        process = subprocess.Popen(
            [sys.executable, "-m", "vectorstores_server", "backup", str(target)],
            env=environment(tmp_path, embedder="none"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while not (copied(target) > kill or process.poll() is not None) and time.monotonic() < deadline:
            pass
        assert time.monotonic() < deadline
        process.kill()
        if process.wait() == 0:
            continue  # it was faster
        code, _, err = run("restore", target, "--data", tmp_path / f"restored-{kill}")
        assert (code, (tmp_path / f"restored-{kill}").exists()) == (1, False), err
    assert run("backup", tmp_path / "whole")[0] == 0
    assert run("restore", tmp_path / "whole", "--data", tmp_path / "restored")[0] == 0
    assert run("doctor", "--check", "--data", tmp_path / "restored")[0] == 0


def copied(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())
