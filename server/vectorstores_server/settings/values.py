"""Kinds of values that a setting can have, and the sentence for a value that is none of its kind."""

import codecs
import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

APP = "vector-stores-mcp"
PREFIX = "VECTOR_STORES_"


def absolute(value: object) -> object:
    """Return a whole path. Raises ValueError for a relative one."""
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


def like(pattern: str, expected: str) -> AfterValidator:
    """Return the check of a value's form."""

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


def _some(value: object) -> object:
    if isinstance(value, str) and not value.strip(" ,"):
        raise ValueError("it is set and holds no token; set one, or unset it")
    return value


AbsolutePath = Annotated[Path, BeforeValidator(absolute)]
Paths = Annotated[tuple[AbsolutePath, ...], _split_by(os.pathsep)]
Names = Annotated[tuple[str, ...], _split_by(",")]
Tokens = Annotated[tuple[SecretStr, ...], _split_by(","), BeforeValidator(_some)]
Address = Annotated[
    str, like(r"(\[[0-9a-fA-F:.]+\]|[^:\s/]+):\d{1,5}", "HOST:PORT is expected, such as 127.0.0.1:8000 or [::1]:8000")
]
BaseUrl = Annotated[
    str, like(r"https?://[^@\s]+", "a URL is expected that begins with http:// or https:// and holds no user name")
]
Languages = Annotated[
    str,
    like(r"([A-Za-z_]{2,30}(\+[A-Za-z_]{2,30})*)?", "tesseract's names of languages are expected, such as deu+eng"),
]
Encoding = Annotated[str, AfterValidator(_codec)]
Model = Annotated[
    str,
    like(
        r"auto|minilm|e5-multi|arctic-xs|none|openai:.+",
        "auto, minilm, e5-multi, arctic-xs, openai:MODEL or none is expected",
    ),
]
