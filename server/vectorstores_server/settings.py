"""What the operator can set: one frozen model, read once by `cli` and handed down."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vectorstores_tools.errors import InvalidRequest
from vectorstores_tools.models import MAX_FILE_BYTES

PREFIX = "VECTOR_STORES_"
SECRETS = frozenset({"embedder_api_key"})
APP = "vector-stores-mcp"


def _default_data() -> Path:
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def _default_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path(APP, appauthor=False)


def _absolute(value: object) -> object:
    if not isinstance(value, str | Path):
        return value
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ValueError(f"'{value}' is relative; write the whole path (a client starts the server anywhere)")
    return path


def _split_by(separator: str) -> BeforeValidator:
    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(separator) if part.strip()]

    return BeforeValidator(split)


AbsolutePath = Annotated[Path, BeforeValidator(_absolute)]
Paths = Annotated[tuple[AbsolutePath, ...], NoDecode, _split_by(os.pathsep)]
Names = Annotated[tuple[str, ...], NoDecode, _split_by(",")]


class Settings(BaseSettings):
    """Every setting; a field's description is its line in `--help`, and its row in the README says the same."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    data: AbsolutePath = Field(
        default_factory=_default_data, description="where stores and files are kept; default: the user's data directory"
    )
    embedder: str = Field(
        default="auto",
        pattern=r"^(auto|minilm|none|openai:.+)$",
        description="auto (minilm when its weights are there), minilm, openai:MODEL or none (text search only)",
    )
    embedder_path: AbsolutePath | None = Field(default=None, description="the model's weights, model.safetensors")
    model_download: bool = Field(default=False, description="download the model at the first ingest, if it is missing")
    embedder_base_url: str = Field(
        default="https://api.openai.com/v1",
        pattern=r"^https?://[^@\s]+$",
        description="the /v1 that answers for openai:MODEL",
    )
    embedder_api_key: SecretStr | None = Field(default=None, description="its key")
    embedder_api_key_file: AbsolutePath | None = Field(default=None, description="a file that holds its key")
    embedder_dimensions: int | None = Field(default=None, ge=1, le=8_192, description="sent only when set")
    embedder_batch: int = Field(default=128, ge=1, le=2_048, description="texts in one request")
    file_roots: Paths | None = Field(
        default=None,
        description="folders that paths may lie in; default: the client's roots, else the home directory; empty: none",
    )
    url_hosts: Names = Field(
        default=(), description="hosts that URLs may name: host, *.domain or *; default: no URL is fetched"
    )
    max_file_bytes: int = Field(default=MAX_FILE_BYTES, ge=1, le=MAX_FILE_BYTES, description="the largest file taken")
    read_only: bool = Field(default=False, description="offer only what changes nothing")
    toolset: Literal["all", "core"] = Field(default="all", description="all, or core: the five tools of the main job")
    exclude_tools: Names = Field(default=(), description="tools that are not offered")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="how much is logged")
    log_file: AbsolutePath | None = Field(default=None, description="log there too, besides stderr")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, **{name: _secret(name, values) for name in SECRETS if values.get(f"{name}_file")}}

    @field_validator("log_level", "toolset", mode="before")
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
        return Path(values[f"{name}_file"]).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ValueError(f"{PREFIX}{name.upper()}_FILE cannot be read: {reason}") from None


def read_settings(flags: Mapping[str, Any]) -> Settings:
    """Read the environment, `flags` on top. Raises InvalidRequest, one sentence for everything that is wrong."""
    try:
        return Settings(**flags)
    except ValidationError as error:
        problems = "; ".join(_problem(cast(Mapping[str, Any], one), flags) for one in error.errors(include_url=False))
    raise InvalidRequest(f"Settings: {problems}.", "`vector-stores-mcp --help` lists them.")


def _problem(error: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    return f"{flag_of(name) if name in flags else PREFIX + name.upper()}: {message}"


def is_list(name: str) -> bool:
    """Whether the setting holds several values."""
    return name in {"file_roots", "url_hosts", "exclude_tools"}


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
            sentences.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "."))
    return sentences
