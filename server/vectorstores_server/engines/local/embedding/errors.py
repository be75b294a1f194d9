"""Errors of embedders.

EmbeddingFailure             code and sentence, ready to be shown
├── ModelMissing             no weights were found; names where they were looked for
├── ModelUnusable            weights were found, and are not the model's
├── DownloadFailed           the model could not be fetched
├── InstallFailed            its files could not be copied
├── ServiceUnavailable       the embedding service does not answer, or is busy
└── ServiceRefused           it answers, and will not do this (key, model, size), or answers nonsense

Stopped                      not a failure: `stop()` said so
"""

from collections.abc import Sequence
from pathlib import Path

from vectorstores_server.engines.local.embedding.models import ModelCard

NO_MODEL = "There is no embedding model yet, so search is by words only: run `vector-stores-mcp model install`."

NO_VECTORS = "This server makes no vectors (its EMBEDDER is none), so search is by words only."


INSTALL_COMMAND = "vector-stores-mcp model install"


class Stopped(Exception):
    """The work was given up because `stop()` answered true; nothing was computed that counts."""


class EmbeddingFailure(Exception):
    """Texts could not be embedded. `message` is the fact and the next step; it never holds a key."""

    code = "embedding_failed"

    def __init__(self, fact: str, next: str) -> None:
        self.message = f"{fact} {next}"
        super().__init__(self.message)


class ModelMissing(EmbeddingFailure):
    """The weights of a local model are not on this machine."""

    code = "model_missing"

    def __init__(self, name: str, searched: Sequence[Path]) -> None:
        places = ", ".join(str(path) for path in searched)
        super().__init__(
            f"The embedding model {name} is not installed (looked in {places}).",
            f"Run: {INSTALL_COMMAND} {name}",
        )


class ModelUnusable(EmbeddingFailure):
    """A file that should be the model's weights is not."""

    code = "model_unusable"

    def __init__(self, path: Path, card: ModelCard, reason: str) -> None:
        super().__init__(
            f"{path} is not the expected file of {card.title}: {reason}.",
            f"Remove it and run: {INSTALL_COMMAND} {card.name}",
        )


class DownloadFailed(EmbeddingFailure):
    """The weights could not be fetched or kept."""

    code = "model_download_failed"

    def __init__(self, card: ModelCard, reason: str) -> None:
        super().__init__(
            f"Downloading the embedding model {card.title} failed: {reason}.",
            f"Run {INSTALL_COMMAND} {card.name} again, or fetch the files by other means and name their folder:"
            f" {INSTALL_COMMAND} {card.name} --from FOLDER, or VECTOR_STORES_EMBEDDER_PATH.",
        )


class InstallFailed(EmbeddingFailure):
    """The files of a model could not be put in their place."""

    code = "model_install_failed"

    def __init__(self, card: ModelCard, folder: Path, reason: str) -> None:
        super().__init__(
            f"The files of {card.title} cannot be written to {folder} ({reason}).",
            "Free some space, or correct the permissions of the folder.",
        )


class ServiceUnavailable(EmbeddingFailure):
    """The embedding service cannot be reached or asks to be left alone for now."""

    code = "embedding_service_unavailable"


class ServiceRefused(EmbeddingFailure):
    """The embedding service will not do what it was asked, however often."""

    code = "embedding_service_refused"
