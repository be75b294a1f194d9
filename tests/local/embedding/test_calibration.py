"""What cosines mean with an embedder that nobody has measured, and the words that its family wants before texts."""

import json
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from support.local import HASTY, Words, add, search, settled, store
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.embedding import EmbedderChoice, open_embedder
from vectorstores_server.engines.local.embedding.calibration import PROBED, measured, probe
from vectorstores_server.engines.local.embedding.families import Prefixes, prefixes_of
from vectorstores_server.engines.local.embedding.models import MINILM
from vectorstores_server.engines.local.engine import LocalEngine

DIMENSIONS = 256
TEXTS = {
    "tides.txt": "The tides are moved by the moon, and twice a month they are highest.",
    "bread.txt": "Bread dough rests for two hours before it is shaped and baked.",
    "chess.txt": "A pawn that reaches the last rank becomes a queen or another piece.",
}


@pytest.mark.parametrize(
    ("model", "prefixes"),
    [
        ("intfloat/e5-base-v2", ("query: ", "passage: ")),
        ("multilingual-e5-small", ("query: ", "passage: ")),
        ("nomic-embed-text:v1.5", ("search_query: ", "search_document: ")),
        ("BAAI/bge-large-en-v1.5", ("Represent this sentence for searching relevant passages: ", "")),
        ("snowflake-arctic-embed:335m", ("Represent this sentence for searching relevant passages: ", "")),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", ("query: ", "")),
        ("text-embedding-3-small", ("", "")),
        ("bge-m3", ("", "")),
        ("pipe5-large", ("", "")),
    ],
)
def test_a_family_is_known_by_the_name_of_the_model(model: str, prefixes: tuple[str, str]) -> None:
    assert tuple(prefixes_of(model)) == prefixes


def test_a_setting_is_put_before_what_the_family_needs(tmp_path: Path) -> None:
    choice = EmbedderChoice("openai:nomic-embed-text", tmp_path, query_prefix="find: ", document_prefix="none")
    assert choice.prefixes == Prefixes("find: ", "")
    assert choice.former is not None
    assert choice.former.prefixes == Prefixes()
    assert EmbedderChoice("openai:gte", tmp_path).former is None
    assert EmbedderChoice("none", tmp_path).former is None


async def test_the_probe_finds_the_background_that_collections_have(tmp_path: Path) -> None:
    minilm = open_embedder(EmbedderChoice("minilm", tmp_path))
    assert minilm is not None
    assert MINILM.background is not None
    found, raw = await probe(minilm), await measured(minilm)
    await minilm.aclose()
    # Processors without the instructions for sums of bytes (VNNI) round elsewhere: .0116 and .0664 on AVX2.
    assert (found.mean, found.sd) == pytest.approx((MINILM.background.mean, MINILM.background.sd), abs=0.004)
    assert (raw.mean, raw.sd) == pytest.approx((PROBED.mean, PROBED.sd), abs=0.004)


class Cone(Words):
    """Words in a narrow cone, as many models have it: any two texts have a cosine of .8 and more."""

    def __init__(self) -> None:
        super().__init__(DIMENSIONS)

    def of(self, text: str) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        return self._vector(text)

    @override
    def _vector(self, text: str) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
        vector = np.append(super()._vector(text)[1:], np.float32(2.2))
        return vector / np.float32(np.linalg.norm(vector))


class Service:
    """An embeddings API on this machine, which keeps what it was sent."""

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self._words = Cone()

    def answer(self, texts: list[str]) -> bytes:
        self.inputs += texts
        vectors = [self._words.of(text) for text in texts]
        data = [{"index": n, "embedding": vector.tolist()} for n, vector in enumerate(vectors)]
        return json.dumps({"data": data}).encode()


@contextmanager
def served() -> Generator[tuple[str, Service]]:
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = service.answer(body["input"])
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        @override
        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", service
        server.shutdown()
        thread.join()


@asynccontextmanager
async def engine_with(directory: Path, url: str, prefix: str | None = None) -> AsyncGenerator[LocalEngine]:
    choice = EmbedderChoice("openai:e5-test", directory, base_url=url, query_prefix=prefix, document_prefix=prefix)
    engine = LocalEngine(directory / "data", choice, pace=HASTY)
    try:
        yield engine
    finally:
        await engine.aclose()


async def test_a_threshold_separates_with_a_service_whose_cosines_are_all_high(tmp_path: Path) -> None:
    with served() as (url, service):
        async with engine_with(tmp_path, url) as engine:
            id = await store(engine)
            for name, text in TEXTS.items():
                await add(engine, id, text, name)
            options = {"ranking_options": {"score_threshold": 0.3}}
            assert [h.filename for h in (await search(engine, id, "tides moon", **options)).data] == ["tides.txt"]
            assert (await search(engine, id, "interest rates of the central bank", **options)).data == []
            probed = len(service.inputs)
        async with engine_with(tmp_path, url) as engine:
            await search(engine, id, "tides")
            assert len(service.inputs) - probed <= 2, "the background is kept, and not measured again"


async def test_prefixes_stand_before_the_texts_of_new_stores_and_not_of_those_from_before(tmp_path: Path) -> None:
    with served() as (url, service):
        async with engine_with(tmp_path, url, "none") as engine:
            old = await store(engine)
            await add(engine, old, TEXTS["tides.txt"], "tides.txt")
        assert not any(text.startswith(("query: ", "passage: ")) for text in service.inputs)
        async with engine_with(tmp_path, url) as engine:
            new = await store(engine)
            service.inputs.clear()
            await add(engine, new, TEXTS["bread.txt"], "bread.txt")
            await search(engine, new, "dough")
            assert {text.split(": ")[0] for text in service.inputs} == {"passage", "query"}
            await search(engine, old, "moon")
            service.inputs.clear()
            await add(engine, old, TEXTS["chess.txt"], "chess.txt")
            await settled(engine, old)
            page = await search(engine, old, "a pawn")
            assert page.data[0].filename == "chess.txt"
            assert not page.notes
            assert service.inputs
            assert not any(text.startswith(("query: ", "passage: ")) for text in service.inputs)
    catalog = SqliteCatalog(tmp_path / "data")
    kept = await catalog.read(lambda db: [row[0] for row in db.execute("SELECT embedder FROM background")])
    identities = await catalog.read(lambda db: [row[0] for row in db.execute("SELECT embedder FROM store")])
    await catalog.aclose()
    assert set(kept) == set(identities)
    assert len(set(identities)) == 2
