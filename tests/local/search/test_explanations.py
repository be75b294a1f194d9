"""What `search(response_format="detailed")` says of each hit's score."""

from pathlib import Path

import pytest

from support.clients import connected, text_of
from support.engines import opened_local
from support.local import Words, add, opened, store
from vectorstores_server.engines.local.embedding.models import MINILM
from vectorstores_tools.contract.requests import SearchRequest

TEXTS = [
    "The keeper of the lighthouse lights the lamp each evening and winds its clockwork.",
    "A lamp of oil stands on the table beside the keeper's bed.",
    "Herrings are salted in barrels and sold at the market.",
]


async def test_the_halves_with_their_weights_make_the_score(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        for number, text in enumerate(TEXTS):
            await add(engine, id, text, f"{number}.txt")
        request = SearchRequest.model_validate({"queries": ["lighthouse lamp"], "explain": True})
        hits = (await engine.search(id, request)).data
    assert hits
    for hit in hits:
        assert hit.vector_score is not None
        assert hit.text_score is not None
        assert hit.vector_weight is not None
        made = hit.vector_weight * hit.vector_score + (1 - hit.vector_weight) * hit.text_score
        assert hit.score == pytest.approx(made, abs=1e-4)
    found = {tuple(hit.words_found or ()): set(hit.words_missing or ()) for hit in hits}
    assert ("lighthouse", "lamp") in found or ("lamp", "lighthouse") in found
    assert all(set(there) | missing == {"lighthouse", "lamp"} for there, missing in found.items())
    assert all(not set(there) & missing for there, missing in found.items())


async def test_detailed_shows_both_halves_the_cosine_and_the_words_and_concise_none_of_them(tmp_path: Path) -> None:
    async with opened_local(tmp_path, "minilm") as engine, connected(engine, "auto", tmp_path / "files") as caller:
        id = (await caller.call("create_store", name="lights"))["id"]
        await caller.call("upload_file", text=TEXTS[0], filename="keeper.txt", vector_store_id=id, wait_seconds=30)
        asked = {"query": "lighthouse whale", "vector_store_id": id}
        [hit] = (await caller.call("search", **asked, response_format="detailed"))["data"]
        assert hit["words_found"] == ["lighthouse"]
        assert hit["words_missing"] == ["whale"]
        assert 0 < hit["vector_score"] <= 1
        assert 0 < hit["text_score"] <= 1
        assert 0 < hit["vector_weight"] < 1
        assert MINILM.background is not None
        assert hit["cosine"] > MINILM.background.mean
        shown = text_of(await caller.result("search", **asked, response_format="detailed"))
        for part in ("vector 0.", "text 0.", "cosine 0.", "found lighthouse", "missing whale"):
            assert part in shown
        [concise] = (await caller.call("search", **asked))["data"]
        assert not {"vector_score", "text_score", "cosine", "words_found", "words_missing"} & concise.keys()
