"""`model install`: fetch the embedding model's weights, once for all data directories of this user."""

import argparse

from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import say
from vectorstores_server.engines.local.embedding.download import download
from vectorstores_server.engines.local.embedding.errors import EmbeddingFailure
from vectorstores_server.engines.local.embedding.weights import SIZE, candidates, verify
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.errors import Unavailable


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Fetch the weights unless some are there."""
    del arguments  # there is nothing but `install`
    try:
        for path in candidates(settings.cache):
            if path.is_file():
                verify(path)
                say(f"The model is there: {path}")
                return 0
        with bar("Downloading", SIZE) as done:
            path = await download(settings.cache, progress=lambda received, _: done(received))
    except EmbeddingFailure as failure:
        raise Unavailable(failure.message) from failure
    say(f"The model is installed: {path}")
    return 0
