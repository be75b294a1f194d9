"""How a store's file is called."""

from vectorstores_tools.contract import Engine
from vectorstores_tools.errors import NotFound
from vectorstores_tools.models import VectorStoreFile


async def filename_of(engine: Engine, file: VectorStoreFile) -> str:
    """Return the name of a store's file, empty where the File is gone: its id still says which it was."""
    if known := (file.model_extra or {}).get("filename"):
        return str(known)
    try:
        return (await engine.retrieve_file(file.id)).filename
    except NotFound:
        return ""
