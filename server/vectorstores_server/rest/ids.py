"""The ids in paths: what can be no id is told before anything is looked up, in OpenAI's words."""

import re
from typing import Annotated

from fastapi import Depends, Path

from vectorstores_server.rest.replies import EngineOf
from vectorstores_tools.errors import InvalidRequest

CHARACTERS = re.compile(r"[A-Za-z0-9_-]+")
STORE_PREFIX = "vs"
SCHEMA = {"pattern": f"^{CHARACTERS.pattern}$"}


def _checked(name: str, id: str) -> str:
    if not CHARACTERS.fullmatch(id):
        raise InvalidRequest(
            f"Invalid '{name}': '{id}'. Expected an ID that contains letters, numbers, underscores, or dashes, "
            "but this value contained additional characters.",
            param=name,
        )
    return id


def _store_id(engine: EngineOf, vector_store_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    """Only our own stores are known to begin with vs: a remote names its own as it likes."""
    _checked("vector_store_id", vector_store_id)
    if not engine.capabilities.remote and not vector_store_id.startswith(STORE_PREFIX):
        raise InvalidRequest(
            f"Invalid 'vector_store_id': '{vector_store_id}'. Expected an ID that begins with '{STORE_PREFIX}'.",
            param="vector_store_id",
        )
    return vector_store_id


def _file_id(file_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    return _checked("file_id", file_id)


def _batch_id(batch_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    return _checked("batch_id", batch_id)


def _upload_id(upload_id: Annotated[str, Path(json_schema_extra=SCHEMA)]) -> str:
    return _checked("upload_id", upload_id)


StoreId = Annotated[str, Depends(_store_id)]
StoreFileId = Annotated[str, Depends(_file_id)]
BatchId = Annotated[str, Depends(_batch_id)]
UploadId = Annotated[str, Depends(_upload_id)]
