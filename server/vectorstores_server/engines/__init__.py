"""Who answers: the engine on this machine, or a remote API. This is the only place that chooses.

The parser child imports this package on its way to a parser: nothing heavy here, nor in those below it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vectorstores_server.settings import Settings
    from vectorstores_tools.contract.engine import Engine


async def open_engine(settings: "Settings", *, tells_paths: bool = True) -> "Engine":
    """Return the engine that the settings ask for. It opens nothing before its first call.

    `tells_paths`: whoever asks it sits at this machine, and may know where a file came from.
    """
    make = _remote if settings.backend == "remote" else _local
    return make(settings, tells_paths=tells_paths)


def _remote(settings: "Settings", *, tells_paths: bool) -> "Engine":
    from vectorstores_server.engines.remote.factory import open_remote
    from vectorstores_server.engines.remote.http.address import RemoteChoice, read_headers

    key, headers = settings.remote_api_key, settings.remote_headers
    return open_remote(
        RemoteChoice(
            base_url=settings.remote_base_url or "",
            api_key=None if key is None else key.get_secret_value().strip(),
            project=settings.remote_project,
            headers=read_headers(headers.get_secret_value()) if headers else {},
            auth=settings.remote_auth,
            dialect=settings.remote_dialect,
        ),
        tells_paths=tells_paths,
    )


def _local(settings: "Settings", *, tells_paths: bool) -> "Engine":
    from importlib.metadata import version

    from vectorstores_server.engines.local.embedding import EmbedderChoice
    from vectorstores_server.engines.local.engine import LocalEngine
    from vectorstores_server.engines.local.index.memory import IndexMemory

    key = settings.embedder_api_key
    choice = EmbedderChoice(
        name=settings.embedder,
        path=settings.embedder_path,
        cache=settings.cache,
        base_url=settings.embedder_base_url,
        api_key=key.get_secret_value() if key else None,
        dimensions=settings.embedder_dimensions,
        batch=settings.embedder_batch,
        download=settings.model_download,
    )
    return LocalEngine(
        settings.data,
        choice,
        read_only=settings.read_only,
        max_file_bytes=settings.max_file_bytes,
        version=version("vector-stores-mcp"),
        new_catalog=settings.new_catalog,
        own_log=settings.log_file,
        memory=IndexMemory(settings.resident_mb << 20, settings.index_cache_mb << 20),
        tells_paths=tells_paths,
    )
