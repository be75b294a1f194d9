"""Putting a model on this machine from files that are on its disk, and preparing it for the first text."""

import shutil
from pathlib import Path

from vectorstores_server.engines.local.embedding import PREPARED
from vectorstores_server.engines.local.embedding.errors import InstallFailed, ModelMissing
from vectorstores_server.engines.local.embedding.models import ModelCard
from vectorstores_server.engines.local.embedding.prepared import prepared_arrays
from vectorstores_server.engines.local.embedding.weights import ModelWeights, cached_path, verify


def install_from(card: ModelCard, folder: Path, cache: Path) -> ModelWeights:
    """Copy the files of a model from a folder. Raises ModelMissing, ModelUnusable and InstallFailed."""
    target = cached_path(cache, card)
    missing = [folder / file.name for file in card.files if not (folder / file.name).is_file()]
    if missing:
        raise ModelMissing(card.name, missing)
    for file in card.files:
        verify(folder / file.name, file, card)
        part = target.with_name(f"{file.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file.name, part)
            part.replace(target.with_name(file.name))
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InstallFailed(card, target.parent, error.strerror or str(error)) from error
    return ModelWeights(card, target)


def prepare(weights: ModelWeights, cache: Path) -> None:
    """Make the arrays that the model opens with; half a gigabyte of weights is read once, here."""
    prepared_arrays(weights, cache / PREPARED)
