"""`serve`: the MCP server on stdin and stdout."""

import argparse
import logging
import os

from vectorstores_server.app import Surface, build_server
from vectorstores_server.engines import open_engine
from vectorstores_server.intake import intake_for
from vectorstores_server.settings import Settings, unknown_variables
from vectorstores_server.transports import serve_stdio

log = logging.getLogger(__name__)


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serve until the client is gone."""
    for sentence in unknown_variables(os.environ):
        log.warning("%s", sentence)
    engine = await open_engine(settings)
    surface = Surface(
        toolset=settings.toolset,
        read_only=settings.read_only,
        excluded=frozenset(settings.exclude_tools),
        roots_from_client=settings.file_roots is None,
    )
    await serve_stdio(build_server(engine, intake_for(settings, engine.capabilities), surface), engine)
