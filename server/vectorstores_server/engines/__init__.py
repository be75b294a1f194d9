"""The choice of the engine: the one on this machine, or a remote API. This is the only place that chooses.

The parser child imports this package on its way to a parser: neither its `__init__` nor those of the packages on that
way import anything heavy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vectorstores_server.engines.local.storage import EngineStorage
    from vectorstores_server.settings import Settings
    from vectorstores_server.settings.places import DatabaseAddress
    from vectorstores_tools.contract.engine import Engine


async def open_engine(settings: "Settings", *, tells_paths: bool = True, warms: bool = False) -> "Engine":
    """Return the engine that the settings ask for. It opens nothing before its first call.

    `tells_paths`: its callers sit at this machine, and may know where a file came from. `warms`: it is a server's,
    which makes itself ready for searches once somebody works with a store.
    """
    if settings.storage.backend == "remote":
        return _remote(settings, tells_paths=tells_paths)
    return _local(settings, tells_paths=tells_paths, warms=warms)


def _remote(settings: "Settings", *, tells_paths: bool) -> "Engine":
    from vectorstores_server.engines.remote.factory import open_remote
    from vectorstores_server.engines.remote.http.address import RemoteChoice, read_headers

    key, headers = settings.remote.api_key, settings.remote.headers
    return open_remote(
        RemoteChoice(
            base_url=settings.remote.base_url or "",
            api_key=None if key is None else key.get_secret_value().strip(),
            project=settings.remote.project,
            headers=read_headers(headers.get_secret_value()) if headers else {},
            auth=settings.remote.auth,
            dialect=settings.remote.dialect,
        ),
        tells_paths=tells_paths,
    )


def _local(settings: "Settings", *, tells_paths: bool, warms: bool) -> "Engine":
    from vectorstores_server.engines.local.embedding import EmbedderChoice
    from vectorstores_server.engines.local.engine import LocalEngine
    from vectorstores_server.engines.local.index.memory import IndexMemory
    from vectorstores_server.engines.local.parsing.tesseract import Recognition

    key, pictures = settings.embedder.api_key, settings.recognition
    choice = EmbedderChoice(
        name=settings.embedder.name,
        path=settings.embedder.path,
        cache=settings.embedder.cache,
        base_url=settings.embedder.base_url,
        api_key=key.get_secret_value() if key else None,
        dimensions=settings.embedder.dimensions,
        batch=settings.embedder.batch,
        query_prefix=settings.embedder.query_prefix,
        document_prefix=settings.embedder.document_prefix,
        download=settings.embedder.download,
    )
    return LocalEngine(
        _storage(settings),
        choice,
        read_only=settings.agents.read_only,
        max_file_bytes=settings.intake.max_file_bytes,
        memory=IndexMemory(settings.storage.resident_mb << 20, settings.storage.index_cache_mb << 20),
        tells_paths=tells_paths,
        recognition=Recognition(pictures.pages, pictures.languages or "") if pictures.pages else None,
        warms=warms,
        works=settings.storage.work == "on",
    )


def _storage(settings: "Settings") -> "EngineStorage":
    from importlib.metadata import version

    from vectorstores_server.engines.local.storage import in_directory

    storage, program = settings.storage, version("vector-stores-mcp")
    if storage.database is not None:
        return _shared(settings, storage.database, program)
    return in_directory(
        storage.data,
        read_only=settings.agents.read_only,
        version=program,
        new_catalog=storage.new_catalog,
        own_log=settings.log.file,
    )


def _shared(settings: "Settings", database: "DatabaseAddress", program: str) -> "EngineStorage":
    from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
    from vectorstores_server.engines.local.objects.place import ObjectPlace
    from vectorstores_server.engines.local.shared_storage import in_folder, in_objects, over_postgres

    storage, password = settings.storage, settings.storage.data_password
    catalog = PostgresCatalog(
        database.address,
        database.schema,
        password=password.get_secret_value() if password else None,
        read_only=settings.agents.read_only,
        version=program,
    )
    if storage.objects_folder is not None:
        return over_postgres(catalog, in_folder(storage.objects_folder), storage.data)
    place = ObjectPlace(storage.objects or "", storage.objects_endpoint)
    return over_postgres(catalog, in_objects(place, storage.data / "copies", storage.copies_bytes), storage.data)
