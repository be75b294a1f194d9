"""What the operator can set: one frozen model, read once by `cli` and handed down."""

import codecs
import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import MAX_FILE_BYTES

PREFIX = "VECTOR_STORES_"
SECRETS = frozenset({"embedder_api_key", "tokens", "remote_api_key", "remote_headers"})
"""They come from the environment or a file, never from a flag, which other users of the machine can read."""
LISTS = frozenset({"file_roots", "url_hosts", "exclude_tools", "allowed_hosts"})
CLOSED_WHEN_EMPTY = frozenset({"file_roots", "tokens"})
"""Where empty lets nobody in; taken for unset it would open what the operator meant to close."""
APP = "vector-stores-mcp"
CHOSEN = "embedder"
"""The file of the cache in which `model use` keeps a name."""
AUTO = "auto"
EXPECTED = {
    "int_parsing": "a whole number is expected",
    "bool_parsing": "true or false is expected",
    "bool_type": "true or false is expected",
}
"""pydantic's kinds of mistakes that are said in other words."""


def _default_data() -> Path:
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path(APP, appauthor=False)


def _chosen_embedder() -> str:
    """Return what `model use` has kept; a file that is something else says nothing."""
    try:
        chosen = (_default_cache() / CHOSEN).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return AUTO
    return chosen if re.fullmatch(r"[a-z0-9-]+", chosen) else AUTO


def _absolute(value: object) -> object:
    if not isinstance(value, str | Path):
        return value
    path = Path(_unquoted(value) if isinstance(value, str) else value).expanduser()
    if not path.is_absolute():
        raise ValueError(f"'{value}' is relative; write the whole path (a client starts the server anywhere)")
    return path


def _unquoted(value: str) -> str:
    """Return a path without the quotes around it that a client's form left there."""
    return value[1:-1] if len(value) > 2 and value[0] == value[-1] and value[0] in "\"'" else value


def _split_by(separator: str) -> BeforeValidator:
    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(separator) if part.strip()]

    return BeforeValidator(split)


def _like(pattern: str, expected: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(expected)
        return value

    return AfterValidator(check)


def _codec(value: str) -> str:
    try:
        codec = codecs.lookup(value)
        "".encode(codec.name)  # Python also has codecs that are not for text
    except LookupError:
        raise ValueError("the name of an encoding is expected, such as cp1250 or iso-8859-2") from None
    return codec.name


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
Paths = Annotated[tuple[AbsolutePath, ...], NoDecode, _split_by(os.pathsep)]
Names = Annotated[tuple[str, ...], NoDecode, _split_by(",")]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, _split_by(",")]
Address = Annotated[
    str, _like(r"(\[[0-9a-fA-F:.]+\]|[^:\s/]+):\d{1,5}", "HOST:PORT is expected, such as 127.0.0.1:8000 or [::1]:8000")
]
BaseUrl = Annotated[
    str, _like(r"https?://[^@\s]+", "a URL is expected that begins with http:// or https:// and holds no user name")
]
Encoding = Annotated[str, AfterValidator(_codec)]
Model = Annotated[
    str,
    _like(
        r"auto|minilm|e5-multi|arctic-xs|none|openai:.+",
        "auto, minilm, e5-multi, arctic-xs, openai:MODEL or none is expected",
    ),
]


class Settings(BaseSettings):
    """Every setting; a field's description is its line in `--help`, and its row in the README says the same."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    data: AbsolutePath = Field(
        default_factory=_default_data, description="where stores and files are kept; default: the user's data directory"
    )
    new_catalog: bool = Field(
        default=False,
        description="where catalog.db is missing beside data of ours: keep that data aside and begin a new catalog",
    )
    backend: Literal["local", "remote"] = Field(
        default="local", description="local (an engine on this machine) or remote (an OpenAI-compatible API)"
    )
    embedder: Model = Field(
        default_factory=_chosen_embedder,
        description="what makes the vectors of new stores: auto (minilm when its weights are there), minilm, e5-multi"
        " (any language), arctic-xs, openai:MODEL, or none (search by words only); default: what `model use` chose,"
        " else auto",
    )
    embedder_path: AbsolutePath | None = Field(
        default=None,
        description="the model's weights, a file or their folder; default: the installed ones, or those of `model"
        " install`",
    )
    model_download: bool = Field(
        default=False, description="download the model's weights at the first ingest, if they are missing"
    )
    embedder_base_url: BaseUrl = Field(
        default="https://api.openai.com/v1",
        description="the address of the embeddings API of openai:MODEL, with its /v1",
    )
    embedder_api_key: SecretStr | None = Field(
        default=None, description="the key for the embeddings API of openai:MODEL"
    )
    embedder_api_key_file: AbsolutePath | None = Field(
        default=None, description="a file that holds the key for the embeddings API of openai:MODEL"
    )
    embedder_dimensions: int | None = Field(
        default=None,
        ge=1,
        le=8_192,
        description="the length of the vectors that the embeddings API is asked for; default: the model's own",
    )
    embedder_batch: int = Field(
        default=128, ge=1, le=2_048, description="how many texts go to the embeddings API in one request"
    )
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
    resident_mb: int = Field(
        default=128,
        ge=0,
        le=65_536,
        description="memory in MB for small stores that are searched in it, which takes half the time; 0: none",
    )
    index_cache_mb: int = Field(
        default=512, ge=16, le=1_048_576, description="memory in MB that may be kept of the index of large stores"
    )
    encoding: Encoding | None = Field(
        default=None, description="what text files that are not UTF-8 are in, such as cp1250; default: it is guessed"
    )
    watch: Literal["on", "off"] = Field(
        default="on", description="whether folders that stores follow are watched: on or off (then walked when asked)"
    )
    read_only: bool = Field(default=False, description="offer agents only what changes nothing")
    toolset: Literal["all", "core", "chatgpt"] = Field(
        default="all",
        description="the tools that agents are offered: all, core (the five of the main job), or chatgpt (the two that"
        " its connectors call)",
    )
    exclude_tools: Names = Field(default=(), description="tools that agents are not offered")
    http: Address | None = Field(default=None, description="serve over HTTP on HOST:PORT instead of stdin and stdout")
    tokens: Secrets = Field(
        default=(), description="who may come in over HTTP; a token that begins with ro: only reads"
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
    remote_base_url: BaseUrl | None = Field(default=None, description="the address of the remote, with its /v1")
    remote_api_key: SecretStr | None = Field(default=None, description="the key for the remote")
    remote_api_key_file: AbsolutePath | None = Field(
        default=None, description="a file that holds the key for the remote"
    )
    remote_project: str | None = Field(default=None, description="the project of the remote that requests are for")
    remote_headers: SecretStr | None = Field(default=None, description="more headers for the remote: Name: value, ...")
    remote_auth: Literal["bearer", "azure-api-key", "yandex-api-key"] = Field(
        default="bearer", description="how the key for the remote is sent"
    )
    remote_dialect: Literal["auto", "openai", "azure", "ogx", "yandex", "litellm"] = Field(
        default="auto", description="which service the remote is; auto looks at its address only"
    )
    call_log: bool = Field(
        default=True,
        description="keep the last 500 calls of tools, queries included, in the data directory, for the page",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="how much is logged")
    log_file: AbsolutePath | None = Field(default=None, description="a file to log to, besides stderr")
    log_format: Literal["text", "json"] = Field(default="text", description="how an entry of the log is written")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, **{name: _secret(name, values) for name in SECRETS if values.get(f"{name}_file")}}

    @model_validator(mode="before")
    @classmethod
    def _unset_if_empty(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take an empty value for none: clients pass on every variable of their form, filled in or not.

        Of the validators before the fields the last one goes first.
        """
        return {
            name: value
            for name, value in values.items()
            if name in CLOSED_WHEN_EMPTY or not isinstance(value, str) or value.strip()
        }

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if (self.oauth_issuer is None) != (self.oauth_audience is None):
            raise ValueError(f"{PREFIX}OAUTH_ISSUER and {PREFIX}OAUTH_AUDIENCE belong together; set both")
        if self.backend == "remote" and self.remote_base_url is None:
            raise ValueError(f"{PREFIX}BACKEND is remote, so {PREFIX}REMOTE_BASE_URL must be set")
        return self

    @field_validator("tokens", mode="before")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip(" ,"):
            raise ValueError("it is set and holds no token; set one, or unset it")
        return value

    @field_validator(
        "log_level", "log_format", "toolset", "watch", "backend", "remote_auth", "remote_dialect", mode="before"
    )
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def cache(self) -> Path:
        """Where a downloaded model lies, for all data directories of this user."""
        return _default_cache()


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


def read_settings(flags: Mapping[str, Any]) -> Settings:
    """Read the environment, `flags` on top. Raises InvalidRequest, one sentence for everything that is wrong."""
    try:
        return Settings(**flags)
    except ValidationError as error:
        problems = [_problem(cast(Mapping[str, Any], detail), flags) for detail in error.errors(include_url=False)]
    faults = "; ".join([*problems, *unknown_variables(os.environ)]).rstrip(".?")
    raise InvalidRequest(f"Settings: {faults}.", "`vector-stores-mcp serve --help` lists them.")


def _problem(error: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    message = EXPECTED.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    message = message.replace("Input should be", "it must be")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    return f"{flag_of(name) if name in flags else PREFIX + name.upper()}: {message}"


def is_list(name: str) -> bool:
    """Whether the setting holds several values."""
    return name in LISTS


def flag_of(name: str) -> str:
    """`--file-root` of file_roots: the flag of a list is repeated, in the singular."""
    return "--" + (name.removesuffix("s") if is_list(name) else name).replace("_", "-")


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Sentences about variables that look like settings and are none, most likely misspelt."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    sentences: list[str] = []
    for name in sorted(environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            sentences.append(
                f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "; it is not read.")
            )
    return sentences
