"""Dialects: the differences of services from OpenAI's API, as data and a few small functions.

Sources: OpenAI's API description; OGX 1.5.0 as observed; the documentation of Yandex AI Studio and Azure; the source
of LiteLLM 1.109 (docs/remotes.md has a page for each).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from vectorstores_tools.contract.engine import Capabilities
from vectorstores_tools.contract.errors import NotSupported

Name = Literal["openai", "azure", "ogx", "yandex", "litellm"]
OPENAI_EXTENSIONS = frozenset(
    {".c", ".cpp", ".cs", ".css", ".doc", ".docx", ".go", ".html", ".java", ".js", ".json"}
    | {".md", ".pdf", ".php", ".pptx", ".py", ".rb", ".sh", ".tex", ".ts", ".txt"}
)
YANDEX_EXTENSIONS = frozenset(
    {".csv", ".doc", ".docx", ".html", ".json", ".md", ".pdf", ".rtf", ".tex", ".txt", ".xls", ".xlsx", ".xml"}
)
OGX_STORE_KEYS = frozenset({"provider_id", "provider_vector_store_id", "embedding_model", "embedding_dimension"})
OGX_HIT_KEYS = frozenset(
    {"document_id", "filename", "file_id", "chunk_id", "token_count", "metadata_token_count", "chunk_tokenizer"}
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """The ways of one service. The defaults are OpenAI's."""

    name: Name
    capabilities: Capabilities
    store_keys: frozenset[str] = frozenset()
    """Bookkeeping of the service in a store's metadata."""
    hit_keys: frozenset[str] = frozenset()
    """Bookkeeping of the service in a hit's attributes; where there is any, attributes.file_id is the true id."""
    batch_files: bool = True
    """True where a batch takes `files` with their own attributes; else only `file_ids`."""
    checks_cursors: bool = True
    checks_files: bool = True
    """True where attaching an id that is no File's is refused; else it is attached as a failed one."""
    several_queries: bool = True
    reattaches: bool = True
    """True where attaching an attached file again changes anything."""
    delete_detaches: bool = True
    searches_new_attributes: bool = True
    membership_filters: bool = True
    content_overlaps: bool = False
    """True where a file's content comes as its chunks, each beginning inside the one before."""
    keep_alive: bool = True

    def metadata(self, given: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return a store's metadata as its owner wrote it."""
        return _without(given, self.store_keys)

    def attributes(self, given: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return a hit's attributes as its owner wrote them."""
        return _without(given, self.hit_keys)

    def file_id(self, hit: Mapping[str, Any]) -> str:
        """Return the id of the File behind a hit, '' where the service does not tell."""
        fields: Any = (hit.get("attributes") or {}) if self.hit_keys else hit
        return str(fields.get("file_id") or "")

    def check_expiry(self, expires_after: object) -> None:
        """Raise NotSupported for an expiry where nothing expires."""
        if expires_after is not None and not self.capabilities.expiry:
            raise NotSupported(
                "Nothing expires on this service;", "delete the store when it is done.", param="expires_after"
            )

    def check_description(self, description: object) -> None:
        """Raise NotSupported for a description where none is kept."""
        if description is not None and not self.capabilities.description:
            raise NotSupported("This service keeps no description;", "put it into metadata.", param="description")

    def check_cleared(self, names: Iterable[str]) -> None:
        """Raise NotSupported for a field that is to be emptied where null changes nothing."""
        for name in names if not self.capabilities.clear else ():
            raise NotSupported(f"This service cannot clear {name};", "give it a new value instead.", param=name)

    def check_metadata(self, metadata: Mapping[str, object] | None) -> None:
        """Raise NotSupported for names that the service uses itself in a store's metadata."""
        _check_names(metadata, self.store_keys, "metadata")

    def check_attributes(self, attributes: Mapping[str, object] | None) -> None:
        """Raise NotSupported for names that the service uses itself: its values would come back instead."""
        _check_names(attributes, self.hit_keys, "attributes")


DIALECTS: dict[Name, Dialect] = {
    "openai": Dialect(
        "openai", Capabilities(remote=True, extensions=OPENAI_EXTENSIONS, rewrite_query=True, citations=False)
    ),
    "azure": Dialect(
        "azure", Capabilities(remote=True, extensions=OPENAI_EXTENSIONS, rewrite_query=True, citations=False)
    ),
    "ogx": Dialect(
        "ogx",
        Capabilities(
            remote=True,
            extensions=OPENAI_EXTENSIONS,
            uploads=False,
            expiry=False,
            clear=False,
            description=False,
            lasting_cursors=False,
            failure_codes=False,
            citations=False,
        ),
        store_keys=OGX_STORE_KEYS,
        hit_keys=OGX_HIT_KEYS,
        batch_files=False,
        checks_cursors=False,
        checks_files=False,
        several_queries=False,
        reattaches=False,
        delete_detaches=False,
        searches_new_attributes=False,
        content_overlaps=True,
        keep_alive=False,
    ),
    "yandex": Dialect(
        "yandex",
        Capabilities(
            remote=True,
            extensions=YANDEX_EXTENSIONS,
            max_file_bytes=128 * 1024 * 1024,
            cancel_batch=False,
            uploads=False,
            citations=False,
        ),
        membership_filters=False,
    ),
    "litellm": Dialect(
        "litellm",
        Capabilities(
            remote=True,
            extensions=OPENAI_EXTENSIONS,
            batches=False,
            cancel_batch=True,
            uploads=False,
            rewrite_query=True,
            citations=False,
        ),
    ),
}


def dialect_of(base_url: str) -> Dialect:
    """Guess from the address alone; an unknown one is taken to be OpenAI's."""
    url = urlsplit(base_url)
    host = (url.hostname or "").lower()
    if host.endswith((".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")):
        return DIALECTS["azure"]
    if host.endswith(".cloud.yandex.net"):
        return DIALECTS["yandex"]
    if url.port == 8321:
        return DIALECTS["ogx"]
    return DIALECTS["litellm" if url.port == 4000 else "openai"]


def _check_names(given: Mapping[str, object] | None, reserved: frozenset[str], param: str) -> None:
    if names := sorted(reserved & (given or {}).keys()):
        raise NotSupported(
            f"This service has {param} named '{names[0]}' of its own;", "choose another name.", param=param
        )


def _without(given: dict[str, Any] | None, keys: frozenset[str]) -> dict[str, Any] | None:
    return given if given is None or not keys else {k: v for k, v in given.items() if k not in keys}
