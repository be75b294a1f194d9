"""Embedders: texts in, vectors out. Which one there is, is chosen here; nothing is loaded before the first text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vectorstores_server.engines.local.embedding.errors import EmbeddingFailure, ModelMissing, Stopped
from vectorstores_server.engines.local.embedding.families import Prefixes, prefixes_of
from vectorstores_server.engines.local.embedding.models import CARDS, E5_MULTI, MINILM, ModelCard
from vectorstores_server.engines.local.embedding.traits import Traits
from vectorstores_server.engines.local.embedding.weights import candidates, find_weights

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["Embedder", "EmbedderChoice", "EmbeddingFailure", "Stopped", "Traits", "open_embedder"]


SERVICE = "openai:"
"""The prefix of the names of models that a service has."""
NO_PREFIX = "none"
"""The value of a prefix's setting for none, where the family has one: empty settings are unset."""
PREPARED = "prepared"
"""The folder of the cache in which the arrays of models are kept."""


class Embedder(Protocol):
    """Turns texts into vectors of length 1. All methods raise EmbeddingFailure, and nothing else of their own."""

    @property
    def identity(self) -> str:
        """Name, precision and dimensions: vectors of the same identity may be compared with each other.

        Known after `prepare()`, as `dimensions` is; for a model of this machine at once.
        """
        ...

    @property
    def dimensions(self) -> int:
        """The number of dimensions of a vector."""
        ...

    @property
    def window(self) -> int:
        """The most tokens that it reads of a text, its own two special ones included."""
        ...

    @property
    def traits(self) -> Traits:
        """The meaning of its cosines, and the texts that it can read. Known after `prepare()`."""
        ...

    async def prepare(self) -> None:
        """Find out the properties not known yet: a service is asked for its dimensions. A second call does nothing."""
        ...

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[float32]":
        """Return an array (len(texts), dimensions), in the order of the texts.

        `stop` is asked from a thread, some times a second (a service: between requests); raises Stopped if it
        answers true.
        """
        ...

    async def embed_query(self, text: str) -> "NDArray[float32]":
        """Return an array (dimensions,). Does not wait for documents that are being embedded."""
        ...

    async def aclose(self) -> None:
        """Let go of the model or the connections."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """The operator's choice. `name`: auto, a name of `models`, openai:<model> or none; `cache`: where models lie."""

    name: str
    cache: Path
    path: Path | None = None
    download: bool = False
    base_url: str = "https://api.openai.com/v1"
    api_key: str | None = field(default=None, repr=False)
    dimensions: int | None = None
    batch: int = 128
    query_prefix: str | None = None
    document_prefix: str | None = None

    @property
    def prefixes(self) -> Prefixes:
        """The prefixes of the texts of a service's model: those set, else those that its family was trained with."""
        family = prefixes_of(self.name.removeprefix(SERVICE))
        return Prefixes(_stated(self.query_prefix, family.query), _stated(self.document_prefix, family.document))

    @property
    def former(self) -> "EmbedderChoice | None":
        """The embedder of stores that were made with other settings; None where there are none.

        A service's model without prefixes, as it was before these were known; of this machine's models minilm beside
        e5-multi, and the other way round, where it is installed.
        """
        if self.name.startswith(SERVICE):
            bare = replace(self, query_prefix=NO_PREFIX, document_prefix=NO_PREFIX)
            return bare if any(self.prefixes) else None
        if self.name == "none":
            return None
        other = MINILM if self.name == E5_MULTI.name else E5_MULTI
        installed = find_weights(other, None, self.cache) is not None
        return replace(self, name=other.name, path=None, download=False) if installed else None


def _stated(prefix: str | None, of_family: str) -> str:
    return of_family if prefix is None else "" if prefix == NO_PREFIX else prefix


def open_embedder(choice: EmbedderChoice) -> Embedder | None:
    """Return the chosen embedder; None: there are no vectors (`none`, or `auto` without weights on this machine).

    Cheap, and answers differently once the weights have arrived. Raises ModelMissing where a model was demanded
    that is not there, and may not be downloaded.
    """
    if choice.name == "none":
        return None
    if choice.name.startswith(SERVICE):
        from vectorstores_server.engines.local.embedding.openai import OpenAIEmbedder

        return OpenAIEmbedder(
            choice.base_url,
            choice.api_key,
            choice.name.removeprefix(SERVICE),
            dimensions=choice.dimensions,
            batch=choice.batch,
            prefixes=choice.prefixes,
        )
    return _open_local(choice, CARDS.get(choice.name, MINILM))


def _open_local(choice: EmbedderChoice, card: ModelCard) -> Embedder | None:
    from vectorstores_server.engines.local.embedding.local_model import LocalModel

    weights = find_weights(card, choice.path, choice.cache)
    kept = choice.cache / PREPARED
    if weights is None and not choice.download:
        if choice.name == "auto":
            return None
        raise ModelMissing(card.name, candidates(card, choice.cache))
    if not choice.download:
        return LocalModel(card, weights, choice.cache, kept=kept)
    from vectorstores_server.engines.local.embedding.download import download

    return LocalModel(card, weights, choice.cache, partial(download, choice.cache, card), kept=kept)
