"""The errors that a caller can get.

VectorStoreError
├── InvalidRequest          400  an argument is wrong
│   ├── UnknownArgument          no such argument; names the nearest
│   ├── InvalidFilter            a filter outside the grammar; shows the corrected JSON
│   ├── BadCursor                after / before names nothing that was ever listed
│   ├── StoreExpired             the store can be looked at and deleted only
│   ├── NotSupported             this engine cannot do it; says what can be done instead
│   └── NotReady                 the object exists, its content does not yet
├── NotAllowed              403  a path, a host or a change outside what the operator allows
├── NotFound                404
│   ├── StoreNotFound            also where a name stands in the place of an id
│   ├── FileNotFound
│   ├── FileNotInStore
│   ├── BatchNotFound
│   └── UploadNotFound
├── Conflict                409  the object is in a state that forbids the call
├── TooLarge                413
├── Refused                 401  a remote refused the key
├── RateLimited             429
└── Unavailable             503  try again, or mend the machine
    ├── DirectoryUpgraded        a newer version of this program owns the data
    └── DiskFull            507

An error takes facts and writes its own two sentences: the fact, in the words of OpenAI's API where it has some, and the
next step. `str(error)` is both. Each is one line without what nobody sees, whatever name it quotes: an error goes into
answers, logs and terminals as it is.
"""

from collections.abc import Sequence

from vectorstores_tools.contract.characters import line, sentence


class VectorStoreError(Exception):
    """The root: what went wrong (`fact`, `sentence`), what to do (`next`), and how OpenAI's error envelope names it."""

    status = 500
    type = "invalid_request_error"
    code: str | None = None
    param: str | None = None

    def __init__(self, fact: str, next: str = "", *, param: str | None = None, code: str | None = None) -> None:
        fact, next = sentence(fact), sentence(next)
        stop = "." if next and fact[-1:].isalnum() else ""  # OpenAI's words, which /v1 repeats, have none at their end
        super().__init__(f"{fact}{stop} {next}".strip())
        self.fact = fact
        self.sentence = fact + stop
        self.next = next
        self.param = line(param) if param is not None else type(self).param
        self.code = line(code) if code is not None else type(self).code


class InvalidRequest(VectorStoreError):
    """An argument is missing, of the wrong type, or out of its range."""

    status = 400
    code = "invalid_value"


class UnknownArgument(InvalidRequest):
    """An argument that the call does not have."""

    code = "unknown_parameter"

    def __init__(self, name: str, known: Sequence[str], suggestion: str | None = None) -> None:
        hint = f"Did you mean {suggestion}?" if suggestion else f"Known arguments: {', '.join(known) or 'none'}."
        super().__init__(f"Unknown argument '{name}'.", hint, param=name)


class InvalidFilter(InvalidRequest):
    """A filter outside the grammar of `filters`."""

    param = "filters"

    def __init__(self, fact: str, corrected: str | None = None) -> None:
        example = corrected or '{"type": "eq", "key": "topic", "value": "ai"}'
        super().__init__(fact, f"Write it as filters={example}" if corrected else f"Example: filters={example}")


class BadCursor(InvalidRequest):
    """`after` or `before` is not the id of anything that this list ever held."""

    def __init__(self, param: str, cursor: str) -> None:
        super().__init__(
            f"Invalid '{param}': no item '{cursor}' in this list.",
            "Pass the first_id or last_id of the page before, or leave it out to start from the beginning.",
            param=param,
        )


class StoreExpired(InvalidRequest):
    """The store's expires_at has passed."""

    code = "vector_store_expired"

    def __init__(self, store_id: str, file_ids: Sequence[str]) -> None:
        shown = ", ".join(f'"{i}"' for i in file_ids[:3]) + (", ..." if len(file_ids) > 3 else "")
        super().__init__(
            f"Vector store '{store_id}' has expired.",
            f"Make a new one from the same files: create_store(file_ids=[{shown}]); list(vector_store_id="
            f"'{store_id}') names all of them.",
            param="vector_store_id",
        )


class NotSupported(InvalidRequest):
    """The engine cannot do it; `next` says what can be done instead."""

    code = "not_supported"


class NotReady(InvalidRequest):
    """The object exists, but its requested part does not yet."""

    code = "not_ready"


class NotAllowed(VectorStoreError):
    """Outside what the operator allows: a path, a host, a change to a read-only server."""

    status = 403
    code = "not_allowed"


class NotFound(VectorStoreError):
    """No object of that id."""

    status = 404


class StoreNotFound(NotFound):
    """No store of that id; `named` are the ids of stores that have it as their name."""

    param = "vector_store_id"

    def __init__(self, store_id: str, named: Sequence[str] = ()) -> None:
        if named:
            ids = " or ".join(f"'{i}'" for i in named[:5])
            next = f"That is a store's name; its id goes here: vector_store_id={ids}."
        else:
            next = "list(of='stores') shows the ids."
        super().__init__(f"No vector store found with id '{store_id}'.", next)


class FileNotFound(NotFound):
    """No uploaded File of that id; `named` are the ids of Files with that filename."""

    param = "id"

    def __init__(self, file_id: str, named: Sequence[str] = ()) -> None:
        if named:
            next = f"That is a file's name; its id goes here: file_id='{named[0]}'."
        else:
            next = "list(of='files') shows the ids."
        super().__init__(f"No such File object: {file_id}", next)
        self.file_id = file_id


class FileNotInStore(NotFound):
    """The File is not attached to that store."""

    param = "file_id"

    def __init__(self, file_id: str, store_id: str, named: Sequence[str] = ()) -> None:
        if named:
            next = f"That is a file's name; its id goes here: file_id='{named[0]}'."
        else:
            next = f"list(vector_store_id='{store_id}') shows its files."
        super().__init__(f"No file found with id '{file_id}' in vector store '{store_id}'.", next)


class BatchNotFound(NotFound):
    """The store has no such batch."""

    param = "batch_id"

    def __init__(self, batch_id: str, store_id: str) -> None:
        super().__init__(
            f"No file batch found with id '{batch_id}' in vector store '{store_id}'.",
            "batch_attach returns the id of the batch that it makes.",
        )


class UploadNotFound(NotFound):
    """No upload of that id."""

    param = "upload_id"

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"No upload found with id '{upload_id}'.", "Create one with POST /uploads.")


class Conflict(VectorStoreError):
    """The object is in a state that forbids the call."""

    status = 409
    code = "conflict"


class TooLarge(VectorStoreError):
    """More bytes or items than a limit allows."""

    status = 413
    code = "too_large"


class Refused(VectorStoreError):
    """A remote refused our credentials."""

    status = 401
    code = "invalid_api_key"


class RateLimited(VectorStoreError):
    """Too many requests."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class Unavailable(VectorStoreError):
    """The call was right; the engine or service that answers it is not working now."""

    status = 503
    type = "server_error"
    code = "unavailable"


class DirectoryUpgraded(Unavailable):
    """A newer version of this program has migrated the data directory."""

    code = "directory_upgraded"

    def __init__(self, version: str) -> None:
        super().__init__(f"This data directory was upgraded by vector-stores-mcp {version};", "restart this client.")


class DiskFull(Unavailable):
    """No space left where the data lives."""

    status = 507
    code = "disk_full"

    def __init__(self, directory: str) -> None:
        super().__init__(
            f"The disk that holds {directory} is full.",
            "Free some space; what is queued is tried again by itself.",
        )
