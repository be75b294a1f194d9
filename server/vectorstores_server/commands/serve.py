"""`serve`: the MCP server on stdin and stdout, or everything over HTTP."""

import argparse
import logging
import os
from collections.abc import Sequence
from typing import NoReturn

from vectorstores_server.calls.recorder import recorder_for
from vectorstores_server.engines import open_engine
from vectorstores_server.intake import intake_for
from vectorstores_server.mirrors import MirrorKeeper, watches
from vectorstores_server.protocol.sdk_compat import leave_logging_alone
from vectorstores_server.protocol.server import ToolSurface, build_server
from vectorstores_server.protocol.stdio import serve_stdio
from vectorstores_server.settings import Settings, unknown_variables
from vectorstores_server.system.logs import event
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.toolset import TOOL_NAMES

log = logging.getLogger(__name__)


async def run(settings: Settings, _arguments: argparse.Namespace) -> NoReturn:
    """Serve until the client is gone, or until a signal."""
    for sentence in unknown_variables(os.environ):
        log.warning("%s", sentence, extra=event("unknown_setting"))
    _check_names(settings.agents.exclude_tools)
    leave_logging_alone()
    if settings.http.address is not None:
        from vectorstores_server.http.startup import serve_web

        # Roots that a client over HTTP declares are never used: it names its own machine.
        await serve_web(settings, settings.http.address, _surface(settings, roots_from_client=False))
    engine = await open_engine(settings, warms=True)
    intake = intake_for(settings, engine.capabilities)
    # A remote gets no file of this machine unless FILE_ROOTS names it.
    surface = _surface(
        settings, roots_from_client=settings.intake.file_roots is None and not engine.capabilities.remote
    )
    keeper = MirrorKeeper(engine, intake, watch=watches(settings))
    server = build_server(engine, intake, surface, recorder_for(settings), keeper)
    await serve_stdio(server, engine, keeper.run)


def _surface(settings: Settings, *, roots_from_client: bool) -> ToolSurface:
    return ToolSurface(
        toolset=settings.agents.toolset,
        read_only=settings.agents.read_only,
        excluded=frozenset(settings.agents.exclude_tools),
        roots_from_client=roots_from_client,
    )


def _check_names(excluded: Sequence[str]) -> None:
    for name in excluded:
        if name not in TOOL_NAMES:
            raise InvalidRequest(f"There is no tool '{name}' to exclude.", f"The tools are {', '.join(TOOL_NAMES)}.")
