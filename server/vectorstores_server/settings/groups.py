"""The settings in their groups: each a frozen model, whose fields' aliases are the names that the operator uses.

A field's description is its line in `--help`, and its row in the README says the same.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_origin
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo

from vectorstores_server.settings.places import DatabaseAddress, DataPlace, ObjectsUrl
from vectorstores_server.settings.values import (
    APP,
    PREFIX,
    AbsolutePath,
    Address,
    BaseUrl,
    Encoding,
    Languages,
    Model,
    Names,
    Paths,
    Tokens,
)
from vectorstores_tools.contract.requests import MAX_FILE_BYTES

CHOSEN = "embedder"
"""The file of the cache in which `model use` keeps a name."""
AUTO = "auto"


def _default_data() -> Path:
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path(APP, appauthor=False)


def _chosen_embedder() -> str:
    """Return the name that `model use` has kept; a file that holds something else is ignored."""
    try:
        chosen = (_default_cache() / CHOSEN).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return AUTO
    return chosen if re.fullmatch(r"[a-z0-9-]+", chosen) else AUTO


class SettingsGroup(BaseModel):
    """Settings of one subject; secrets may be in a file, and choices are read in upper or lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    title: ClassVar[str]
    every_command: ClassVar[bool] = False
    """True where each command takes them, because it opens the stores."""

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        secrets = [name for name, field in named(cls).items() if is_secret(field) and values.get(f"{name}_file")]
        return {**values, **{name: _secret(name, values) for name in secrets}}

    @field_validator("*", mode="before")
    @classmethod
    def _any_case(cls, value: object, info: ValidationInfo) -> object:
        choice = info.field_name and get_origin(cls.model_fields[info.field_name].annotation) is Literal
        return value.lower() if choice and isinstance(value, str) else value


class StorageSettings(SettingsGroup):
    """The place where stores are kept, and the memory that may hold parts of them."""

    title = "where the stores are"
    every_command = True

    place: DataPlace = Field(
        alias="data",
        default_factory=_default_data,
        description="where stores and files are kept: a directory of this machine, or, for several servers,"
        " postgresql://USER@HOST/DATABASE?schema=NAME; default: the user's data directory",
    )
    data_password: SecretStr | None = Field(
        default=None, description="the password for that database; default: what libpq finds, such as PGPASSFILE"
    )
    data_password_file: AbsolutePath | None = Field(
        default=None, description="a file that holds the password for that database"
    )
    objects: ObjectsUrl | None = Field(
        default=None,
        description="where files and the index are kept beside a database: s3://BUCKET/PREFIX, gs:// or az:// with the"
        " credentials of the environment, or file:///FOLDER, which all servers reach",
    )
    objects_endpoint: BaseUrl | None = Field(
        default=None, description="the address of an S3 that is not Amazon's; default: the cloud's own"
    )
    copies: AbsolutePath | None = Field(
        default=None,
        description="the folder of this server for copies of what lies in objects; default: in the user's data"
        " directory",
    )
    copies_bytes: int = Field(
        default=50_000_000_000, ge=100_000_000, description="how many bytes these copies may have together"
    )
    work: Literal["on", "off"] = Field(
        default="on", description="whether this process takes in files and keeps the index up: on, or off (it serves)"
    )
    new_catalog: bool = Field(
        default=False,
        description="where catalog.db is missing beside data of ours: keep that data aside and begin a new catalog",
    )
    backend: Literal["local", "remote"] = Field(
        default="local", description="local (an engine on this machine) or remote (an OpenAI-compatible API)"
    )
    resident_mb: int = Field(
        default=128,
        ge=0,
        le=65_536,
        description="memory in MB for small stores that are searched in it, which takes half the time; 0: none",
    )
    index_cache_mb: int = Field(
        default=512, ge=16, le=1_048_576, description="memory in MB that may be kept of the index of large stores"
    )

    @property
    def database(self) -> DatabaseAddress | None:
        """The database that several servers share; None on one machine."""
        return self.place if isinstance(self.place, DatabaseAddress) else None

    @property
    def data(self) -> Path:
        """The folder of this machine: the data directory, or what is this server's own beside a database."""
        if isinstance(self.place, DatabaseAddress):
            return self.copies or _default_data() / "server"
        return self.place

    @property
    def objects_folder(self) -> Path | None:
        """The folder for objects, where that is one."""
        parts = urlsplit(self.objects or "")
        return Path(unquote(parts.path)) if parts.scheme == "file" else None

    @property
    def there(self) -> bool:
        """True where stores may be kept already."""
        return self.database is not None or self.data.exists()

    @model_validator(mode="after")
    def _check_shared(self) -> Self:
        if self.backend == "local" and self.database is not None and self.objects is None:
            raise ValueError(
                f"{PREFIX}DATA is a database, which keeps no files; set {PREFIX}OBJECTS to where they are kept"
            )
        if self.database is None and self.objects is not None:
            raise ValueError(f"{PREFIX}OBJECTS is for several servers; set {PREFIX}DATA to their database, or unset it")
        return self


class EmbedderSettings(SettingsGroup):
    """The model that makes the vectors of new stores."""

    title = "the embedder"
    every_command = True

    name: Model = Field(
        alias="embedder",
        default_factory=_chosen_embedder,
        description="the model that makes the vectors of new stores: auto (minilm where it is installed; e5-multi,"
        " if that is too, where a store's first text is in other than Latin letters), minilm, e5-multi (any language),"
        " arctic-xs, openai:MODEL, or none (search by words only); default: what `model use` chose, else auto",
    )
    path: AbsolutePath | None = Field(
        alias="embedder_path",
        default=None,
        description="the model's weights, a file or their folder; default: the installed ones, or those of `model"
        " install`",
    )
    download: bool = Field(
        alias="model_download",
        default=False,
        description="download the model's weights at the first ingest, if they are missing",
    )
    base_url: BaseUrl = Field(
        alias="embedder_base_url",
        default="https://api.openai.com/v1",
        description="the address of the embeddings API of openai:MODEL, with its /v1",
    )
    api_key: SecretStr | None = Field(
        alias="embedder_api_key", default=None, description="the key for the embeddings API of openai:MODEL"
    )
    api_key_file: AbsolutePath | None = Field(
        alias="embedder_api_key_file",
        default=None,
        description="a file that holds the key for the embeddings API of openai:MODEL",
    )
    dimensions: int | None = Field(
        alias="embedder_dimensions",
        default=None,
        ge=1,
        le=8_192,
        description="the length of the vectors that the embeddings API is asked for; default: the model's own",
    )
    batch: int = Field(
        alias="embedder_batch",
        default=128,
        ge=1,
        le=2_048,
        description="how many texts go to the embeddings API in one request",
    )
    query_prefix: str | None = Field(
        alias="embedder_query_prefix",
        default=None,
        description="what stands before each question to openai:MODEL in new stores; none: nothing; default:"
        " what its family needs",
    )
    document_prefix: str | None = Field(
        alias="embedder_document_prefix",
        default=None,
        description="what stands before each passage for openai:MODEL in new stores; none: nothing; default:"
        " what its family needs",
    )

    @property
    def cache(self) -> Path:
        """The folder of downloaded models, the same for all data directories of this user."""
        return _default_cache()


class RecognitionSettings(SettingsGroup):
    """The reading of text in pictures."""

    title = "pictures of text"
    every_command = True

    pages: int = Field(
        alias="ocr_pages",
        default=200,
        ge=0,
        le=100_000,
        description="how many pages of a file are read from pictures, where tesseract is installed; 0: none",
    )
    languages: Languages | None = Field(
        alias="ocr_languages",
        default=None,
        description="the languages of such pages, such as deu+eng; default: those that tesseract has",
    )


class IntakeSettings(SettingsGroup):
    """The files and URLs that may be read, and the way they are read."""

    title = "what may be read"

    file_roots: Paths | None = Field(
        default=None,
        description="folders that paths may lie in; default: the client's roots, else the home directory;"
        " over HTTP and with a remote none; empty: none",
    )
    url_hosts: Names = Field(
        default=(), description="hosts that URLs may name: host, *.domain or *; default: no URL is fetched"
    )
    max_file_bytes: int = Field(
        default=MAX_FILE_BYTES, ge=1, le=MAX_FILE_BYTES, description="the largest file that is taken, in bytes"
    )
    encoding: Encoding | None = Field(
        default=None,
        description="the encoding of text files that are not UTF-8, such as cp1250; default: it is guessed",
    )
    watch: Literal["on", "off"] = Field(
        default="on", description="whether folders that stores follow are watched: on or off (then walked when asked)"
    )


class AgentSettings(SettingsGroup):
    """The tools that agents are offered."""

    title = "what agents are offered"

    read_only: bool = Field(default=False, description="offer agents only tools that change nothing")
    toolset: Literal["all", "core", "chatgpt"] = Field(
        default="all",
        description="the tools that agents are offered: all, core (the five of the main job), or chatgpt (the two that"
        " its connectors call)",
    )
    exclude_tools: Names = Field(default=(), description="tools that agents are not offered")


class HttpSettings(SettingsGroup):
    """The address of the HTTP server, and the callers that it admits."""

    title = "over HTTP"

    address: Address | None = Field(
        alias="http", default=None, description="serve over HTTP on HOST:PORT instead of stdin and stdout"
    )
    tokens: Tokens = Field(
        default=(),
        description="bearer tokens that are accepted over HTTP; before one ro: (only reads), store:ID, meta:KEY=VALUE",
    )
    tokens_file: AbsolutePath | None = Field(
        default=None, description="a file that holds the tokens for HTTP, one a line"
    )
    allowed_hosts: Names = Field(
        default=(), description="names under which the HTTP server is reached, besides localhost"
    )
    max_requests: int = Field(default=128, ge=1, description="HTTP requests that may run at once")
    max_requests_per_token: int = Field(default=64, ge=1, description="HTTP requests of one token that may run at once")
    oauth_issuer: BaseUrl | None = Field(default=None, description="accept JWTs of this issuer over HTTP")
    oauth_audience: BaseUrl | None = Field(
        default=None, description="the audience that such a JWT must name: the URL of this server"
    )

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.oauth_issuer is None) != (self.oauth_audience is None):
            raise ValueError(f"{PREFIX}OAUTH_ISSUER and {PREFIX}OAUTH_AUDIENCE belong together; set both")
        return self


class RemoteSettings(SettingsGroup):
    """The OpenAI-compatible API that keeps the stores, where no engine on this machine does."""

    title = "the remote, with --backend remote"
    every_command = True

    base_url: BaseUrl | None = Field(
        alias="remote_base_url", default=None, description="the address of the remote, with its /v1"
    )
    api_key: SecretStr | None = Field(alias="remote_api_key", default=None, description="the key for the remote")
    api_key_file: AbsolutePath | None = Field(
        alias="remote_api_key_file", default=None, description="a file that holds the key for the remote"
    )
    project: str | None = Field(
        alias="remote_project", default=None, description="the project of the remote that requests are for"
    )
    headers: SecretStr | None = Field(
        alias="remote_headers", default=None, description="more headers for the remote: Name: value, ..."
    )
    auth: Literal["bearer", "azure-api-key", "yandex-api-key"] = Field(
        alias="remote_auth", default="bearer", description="how the key for the remote is sent"
    )
    dialect: Literal["auto", "openai", "azure", "ogx", "yandex", "litellm"] = Field(
        alias="remote_dialect",
        default="auto",
        description="which service the remote is; auto looks at its address only",
    )


class LogSettings(SettingsGroup):
    """The log: its level, file and form."""

    title = "the log"
    every_command = True

    level: Literal["debug", "info", "warning", "error"] = Field(
        alias="log_level", default="info", description="how much is logged"
    )
    file: AbsolutePath | None = Field(alias="log_file", default=None, description="a file to log to, besides stderr")
    format: Literal["text", "json"] = Field(
        alias="log_format", default="text", description="how an entry of the log is written"
    )


class CallSettings(SettingsGroup):
    """The list of calls that the page shows."""

    title = "the page"

    keep: bool = Field(
        alias="call_log",
        default=True,
        description="keep the last 500 calls of tools, queries included, in the data directory, for the page",
    )


def named(group: type[SettingsGroup]) -> dict[str, FieldInfo]:
    """Return the fields of a group by the names that the operator uses."""
    return {field.alias or name: field for name, field in group.model_fields.items()}


def is_secret(field: FieldInfo) -> bool:
    """Tell whether the value comes from the environment or a file, never from a flag, which other users can read."""
    return "SecretStr" in str(field.annotation)


def _secret(name: str, values: Mapping[str, Any]) -> str:
    if values.get(name):
        raise ValueError(f"{PREFIX}{name.upper()} and {PREFIX}{name.upper()}_FILE are both set; keep one")
    try:
        text = Path(values[f"{name}_file"]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"{PREFIX}{name.upper()}_FILE cannot be read: {reason}") from None
    if name == "tokens":  # one a line, with comments
        text = ",".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    if not text.strip(" ,"):
        raise ValueError(f"{PREFIX}{name.upper()}_FILE is empty; write it into the file, or unset the variable")
    return text
