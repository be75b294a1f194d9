"""The background of an embedder, measured: cosines of questions and passages that have nothing to do with each other.

What a probe of a few texts finds is not what a collection has. So it is compared with what the same probe finds with
MiniLM, whose background is known of collections: a cosine that stands as far from the one as from the other means the
same.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from vectorstores_server.engines.local.embedding import Embedder
from vectorstores_server.engines.local.embedding.models import MINILM, Background
from vectorstores_server.engines.local.embedding.traits import Traits

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

PROBED = Background(0.0211, 0.0745)
"""The background that the probe finds with MiniLM."""
_LEAST_SD = 1e-4
QUESTIONS = (
    "how long does bread dough have to rest before it is baked",
    "which planet has the largest moon",
    "what is the notice period in a rental contract",
    "why does my code raise a connection timeout",
    "when was the printing press invented",
    "what does a pawn become at the last rank",
    "what is the interest rate of a student loan",
    "who may vote in municipal elections",
)
PASSAGES = (
    "The invoice is payable within thirty days of receipt; after that a fee of two per cent is charged each month.",
    "Glaciers flow under their own weight, and carry stones that scratch the rock beneath them.",
    "To reset the router, hold the small button on its back with a pin until all lights go out.",
    "Her second novel tells of three sisters who run a lighthouse after their father has disappeared.",
    "Bees dance on the comb to tell others in which direction, and how far away, they have found flowers.",
    "The committee approved the minutes of the last meeting and elected a new treasurer.",
    "Shares of the shipping company fell by a tenth after the port had been closed for a week.",
    "Rinse the lentils, cover them with water and let them simmer with a bay leaf for half an hour.",
    "The function returns a list of all files whose names end with the given suffix.",
    "Passengers are asked to keep their seat belts fastened until the aircraft has reached the gate.",
    "In Gothic churches the weight of the vault is led by flying buttresses to the outside.",
    "The patient was given 400 mg twice a day, and the fever was gone on the third day.",
    "Wool should be washed cold and dried lying flat, or it will shrink and lose its shape.",
    "The treaty ended eleven years of war and moved the border to the river.",
    "Blue light is scattered more than red, which is why the sky looks blue at noon.",
    "Please return the signed form to the personnel office by the end of the month.",
)


class KeptBackgrounds(Protocol):
    """A place that keeps measured backgrounds, by the identities of embedders."""

    async def load(self, identity: str) -> Background | None:
        """Return the one that is kept."""
        ...

    async def keep(self, identity: str, background: Background) -> None:
        """Keep one."""
        ...


class CalibratedEmbedder:
    """An embedder whose background is measured by `prepare()`, once for all processes of a data directory."""

    def __init__(self, embedder: Embedder, kept: KeptBackgrounds) -> None:
        self._embedder = embedder
        self._kept = kept
        self._background: Background | None = None

    @property
    def identity(self) -> str:
        """Embedder's promise."""
        return self._embedder.identity

    @property
    def dimensions(self) -> int:
        """Embedder's promise."""
        return self._embedder.dimensions

    @property
    def window(self) -> int:
        """Embedder's promise."""
        return self._embedder.window

    @property
    def traits(self) -> Traits:
        """Embedder's promise."""
        return replace(self._embedder.traits, background=self._background)

    async def prepare(self) -> None:
        """Embedder's promise. The probe costs nine requests of a service, the first time that it is used here."""
        await self._embedder.prepare()
        if self._background is None:
            self._background = await self._kept.load(self.identity)
        if self._background is None:
            background = await probe(self._embedder)
            await self._kept.keep(self.identity, background)
            self._background = background

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[float32]":
        """Embedder's promise."""
        return await self._embedder.embed_documents(texts, stop=stop)

    async def embed_query(self, text: str) -> "NDArray[float32]":
        """Embedder's promise."""
        return await self._embedder.embed_query(text)

    async def aclose(self) -> None:
        """Embedder's promise."""
        await self._embedder.aclose()


async def probe(embedder: Embedder) -> Background:
    """Return the background of an embedder. Raises its errors."""
    found = await measured(embedder)
    known = MINILM.background or found
    stretch = found.sd / PROBED.sd
    return Background(found.mean + (known.mean - PROBED.mean) * stretch, known.sd * stretch)


async def measured(embedder: Embedder) -> Background:
    """Return mean and deviation of the cosines of the probe's questions with its passages."""
    import numpy as np

    documents = await embedder.embed_documents(PASSAGES)
    questions = np.stack([await embedder.embed_query(question) for question in QUESTIONS])
    cosines = questions @ documents.T
    return Background(float(cosines.mean()), max(float(cosines.std()), _LEAST_SD))
