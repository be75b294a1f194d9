"""`model`: the embedding models of this machine, listed, installed once for all data directories, and chosen."""

import argparse
from pathlib import Path

import anyio.to_thread

from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import say, size, table
from vectorstores_server.engines.local.embedding.download import MOST_BYTES, download
from vectorstores_server.engines.local.embedding.errors import INSTALL_COMMAND, EmbeddingFailure
from vectorstores_server.engines.local.embedding.installing import install_from, prepare
from vectorstores_server.engines.local.embedding.models import CARDS, MINILM, ModelCard
from vectorstores_server.engines.local.embedding.weights import find_weights
from vectorstores_server.settings import AUTO, CHOSEN, PREFIX, Settings
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """List, install or choose a model."""
    if arguments.action == "list":
        return _list(settings)
    if arguments.action == "use":
        return _use(settings, arguments.name)
    try:
        return await _install(settings, _card(arguments.name or MINILM.name), arguments.source)
    except EmbeddingFailure as failure:
        raise Unavailable(failure.message) from failure


def _list(settings: Settings) -> int:
    rows = [("name", "model", "licence", "download", "reads", "state")]
    for card in CARDS.values():
        found = find_weights(card, None, settings.embedder.cache)
        state = f"installed: {found.path}" if found else f"{INSTALL_COMMAND} {line(card.name)}"
        reads = "any language" if card.multilingual else "English"
        rows.append((card.name, card.title, card.licence, size(card.weights.size or 0), reads, state))
    table(rows, 1)
    say(f"Used for new stores: {settings.embedder.name}.")
    return 0


async def _install(settings: Settings, card: ModelCard, source: Path | None) -> int:
    """Fetch the files unless they are there, and prepare them for use."""
    found = find_weights(card, None, settings.embedder.cache)
    if source is not None:
        found = await anyio.to_thread.run_sync(install_from, card, source, settings.embedder.cache)
    elif found is None:
        weights = card.weights.size or MOST_BYTES
        with bar("Downloading", weights) as done:
            await download(
                settings.embedder.cache, card, progress=lambda came, of: done(came) if of == weights else None
            )
        found = find_weights(card, None, settings.embedder.cache)
    else:
        found.verify()
    if found is not None:
        await anyio.to_thread.run_sync(prepare, found, settings.embedder.cache)
        say(f"The model {card.name} is installed: {found.path}")
    return 0


def _use(settings: Settings, name: str | None) -> int:
    """Keep the choice for all servers and commands of this user that are given none."""
    place = settings.embedder.cache / CHOSEN
    if name is None or (name != AUTO and name not in CARDS):
        raise InvalidRequest("`model use` takes a name.", f"One of {', '.join([AUTO, *CARDS])}.")
    if name == AUTO:
        place.unlink(missing_ok=True)
    else:
        if find_weights(CARDS[name], None, settings.embedder.cache) is None:
            raise InvalidRequest(f"The model {name} is not installed.", f"Run: {INSTALL_COMMAND} {name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name, "utf-8")
    say(
        f"New stores get {name}, where {PREFIX}EMBEDDER says nothing else. `reindex STORE --embedder NAME` changes one."
    )
    return 0


def _card(name: str) -> ModelCard:
    if name not in CARDS:
        raise InvalidRequest(f"There is no model {name}.", f"The models are {', '.join(CARDS)}.")
    return CARDS[name]
