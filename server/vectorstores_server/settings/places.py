"""Places where stores can be kept: a folder of this machine, or a database and a place for objects."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from pydantic import BeforeValidator

from vectorstores_server.settings.values import PREFIX, absolute, like

SCHEMES = ("postgresql://", "postgres://")
DEFAULT_SCHEMA = "vector_stores"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A schema of a PostgreSQL database. `address` holds neither the schema nor a password."""

    address: str
    schema: str = DEFAULT_SCHEMA

    @classmethod
    def of(cls, url: str) -> Self:
        """Return that of a URL. Raises ValueError, whose sentence does not show the URL."""
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True)
        if parts.password is not None or any("password" in name.lower() for name, _ in options):
            raise ValueError(
                f"the address holds a password; write it into a file, and name that in {PREFIX}DATA_PASSWORD_FILE"
            )
        if not parts.hostname or not parts.path.strip("/"):
            raise ValueError("postgresql://USER@HOST/DATABASE is expected, with ?schema=NAME if you like")
        schema = dict(options).get("schema", DEFAULT_SCHEMA)
        if re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) is None:
            raise ValueError("the name of a schema is small letters, digits and underscores")
        return cls(_without_schema(parts, options), schema)

    def __str__(self) -> str:
        """Return the address as an operator writes it."""
        return f"{self.address}{'&' if '?' in self.address else '?'}schema={self.schema}"


def _without_schema(parts: SplitResult, options: list[tuple[str, str]]) -> str:
    query = urlencode([(name, value) for name, value in options if name != "schema"])
    return parts._replace(query=query, fragment="").geturl()


def _place(value: object) -> object:
    if isinstance(value, str) and value.startswith(SCHEMES):
        return DatabaseAddress.of(value)
    return value if isinstance(value, DatabaseAddress) else absolute(value)


DataPlace = Annotated[Path | DatabaseAddress, BeforeValidator(_place)]
ObjectsUrl = Annotated[
    str,
    like(
        r"(s3|gs|az)://[^@\s/?#]+(/[^@\s?#]*)?|file:///[^?#]+",
        "s3://BUCKET/PREFIX is expected, gs:// or az:// in place of s3://, or file:///FOLDER",
    ),
]
