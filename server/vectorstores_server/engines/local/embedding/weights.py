"""The files of a model: where they may lie, and reading them only if their hashes are right."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectorstores_server.engines.local.embedding.errors import ModelMissing, ModelUnusable
from vectorstores_server.engines.local.embedding.four_bit import packed_pieces, packed_tensors
from vectorstores_server.engines.local.embedding.models import ModelCard, ModelFile
from vectorstores_server.engines.local.embedding.tensors import Tensor, stored_tensors
from vectorstores_server.engines.local.embedding.unigram import Pieces

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """A file that is taken for the weights of a model; `verify` tells whether it is."""

    card: ModelCard
    path: Path

    @property
    def packed(self) -> bool:
        """Tell whether it is the file of a wheel that packs the weights in its own way."""
        wheel = self.card.wheel
        return wheel is not None and wheel.weights != self.card.weights and self.path.suffix != ".safetensors"

    @property
    def expected(self) -> ModelFile:
        """The size and hash that the file should have."""
        return self.card.wheel.weights if self.packed and self.card.wheel else self.card.weights

    @property
    def identity(self) -> str:
        """The identity of the vectors that it makes: packed weights make different ones."""
        return self.card.identity(self.card.wheel.precision if self.packed and self.card.wheel else None)

    def verify(self) -> None:
        """Raise ModelUnusable unless the files are the expected ones, byte for byte."""
        verify(self.path, self.expected, self.card)
        if self.card.tokenizer is not None and not self.packed:
            verify(self.tokenizer, self.card.tokenizer, self.card)

    def tensors(self) -> Iterable[Tensor]:
        """Yield the tensors, in the order of the file."""
        return packed_tensors(self.path) if self.packed else stored_tensors(self.path)

    @property
    def tokenizer(self) -> Path:
        """The place of the tokenizer that comes with the weights."""
        return self.path.with_name(self.card.tokenizer.name if self.card.tokenizer else "tokenizer.json")

    def pieces(self) -> Pieces:
        """Return the pieces of a tokenizer that has them by how likely they are."""
        return packed_pieces(self.path) if self.packed else _pieces(self.tokenizer)


def cached_path(cache: Path, card: ModelCard) -> Path:
    """Return the place to which `model install` puts the weights."""
    return cache / card.title / card.weights.name


def find_weights(card: ModelCard, explicit: Path | None, cache: Path) -> ModelWeights | None:
    """Return the weights, or None: the explicit file or folder alone, else the wheel's, else the cache's.

    Only looks whether a file is there. Raises ModelMissing when an explicit path holds none.
    """
    if explicit is not None:
        path = _in_folder(card, explicit) if explicit.is_dir() else explicit
        if not path.is_file():
            raise ModelMissing(card.name, [path])
        return ModelWeights(card, path)
    return next((ModelWeights(card, path) for path in candidates(card, cache) if path.is_file()), None)


def candidates(card: ModelCard, cache: Path) -> list[Path]:
    """Return the places where weights are looked for, in order: a wheel that packs them in its own way is the last."""
    cached, wheel = cached_path(cache, card), _wheel_path(card)
    if wheel is None:
        return [cached]
    return [cached, wheel] if ModelWeights(card, wheel).packed else [wheel, cached]


def _in_folder(card: ModelCard, folder: Path) -> Path:
    packed = folder / card.wheel.weights.name if card.wheel else folder
    return packed if packed.is_file() else folder / card.weights.name


def _wheel_path(card: ModelCard) -> Path | None:
    """Return the file in the installed wheel, which is never imported."""
    from importlib.metadata import PackageNotFoundError, distribution

    if card.wheel is None:
        return None
    try:
        return Path(str(distribution(card.wheel.package).locate_file(f"{card.wheel.folder}/{card.wheel.weights.name}")))
    except PackageNotFoundError:
        return None


def verify(path: Path, expected: ModelFile, card: ModelCard) -> None:
    """Raise ModelUnusable unless the file is the expected one, byte for byte."""
    try:
        size = path.stat().st_size
        if expected.size is not None and size != expected.size:
            raise ModelUnusable(path, card, f"it has {size:,} bytes instead of {expected.size:,}")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnusable(path, card, f"it cannot be read ({error.strerror})") from error
    if digest != expected.sha256:
        raise ModelUnusable(path, card, f"its sha256 is {digest[:12]}... instead of {expected.sha256[:12]}...")


def _pieces(tokenizer: Path) -> Pieces:
    """Return the pieces in the library's file; it is known to the byte."""
    import numpy as np

    stored: Mapping[str, Any] = json.loads(tokenizer.read_text("utf-8"))
    vocabulary = stored["model"]["vocab"]
    return Pieces([text for text, _ in vocabulary], np.array([score for _, score in vocabulary], np.float32))
