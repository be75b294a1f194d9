"""A client's file: its contents, and its text with a server put in, comments and all else as they were."""

from typing import TYPE_CHECKING, Any, cast

from vectorstores_server.clients import json_comments
from vectorstores_server.clients.json_comments import Malformed
from vectorstores_server.clients.known import NAME, KnownClient, Syntax

if TYPE_CHECKING:
    from collections.abc import Mapping


def block(client: KnownClient, entry: dict[str, Any]) -> str:
    """Return the piece that a person pastes into the file."""
    return with_server("", client, entry).rstrip("\n")


def holds_server(text: str, client: KnownClient) -> bool:
    """Say whether the server is in the file already."""
    return NAME in _servers(_loads(text, client.syntax), client.key)


def with_server(text: str, client: KnownClient, entry: dict[str, Any]) -> str:
    """Return the text with the server in it; Malformed where it is not of the client's form.

    What an older entry of the server holds beyond ours (a client's own switches) stays.
    """
    before = _loads(text, client.syntax)
    servers = _servers(before, client.key)
    known = servers.get(NAME)
    entry = {**(cast("dict[str, Any]", known) if isinstance(known, dict) else {}), **entry}
    match client.syntax:
        case "JSON":
            after = json_comments.with_member(text, client.key, NAME, entry)
        case "TOML":
            after = _with_table(text, client.key, entry)
        case "YAML":
            after = _with_mapping(text, client.key, entry)
    if _loads(after, client.syntax) != {**before, client.key: {**servers, NAME: entry}}:
        raise Malformed("it is written in a way that cannot be added to safely")
    return after


def _servers(whole: dict[str, Any], key: str) -> dict[str, Any]:
    servers = whole.get(key)
    if servers is None:
        return {}
    if not isinstance(servers, dict):
        raise Malformed(f"'{key}' is not an object")
    return cast("dict[str, Any]", servers)


def _loads(text: str, syntax: Syntax) -> dict[str, Any]:
    match syntax:
        case "JSON":
            whole = json_comments.loads(text)
        case "TOML":
            import tomllib

            whole = tomllib.loads(text)
        case "YAML":
            whole = _yaml_loads(text)
    if not isinstance(whole, dict):
        raise Malformed("it does not hold an object")
    return cast("dict[str, Any]", whole)


def _with_table(text: str, key: str, entry: dict[str, Any]) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        if key not in document:
            document.add(key, tomlkit.table(is_super_table=True))
        cast("Any", document)[key][NAME] = entry
    except TOMLKitError as error:  # it knows less of TOML's odd forms than the standard library
        raise Malformed(str(error)) from None
    return tomlkit.dumps(cast("Mapping[str, Any]", document))


def _yaml_loads(text: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml("safe").load(text) or {}
    except YAMLError as error:
        raise Malformed(" ".join(str(error).split())) from None


def _with_mapping(text: str, key: str, entry: dict[str, Any]) -> str:
    import io

    yaml = _yaml("rt")
    yaml.preserve_quotes = True
    yaml.width = 100_000  # lines keep their breaks
    whole = cast("Any", yaml.load(text) or {})
    if whole.get(key) is None:
        whole[key] = {}
    whole[key][NAME] = entry
    out = io.StringIO()
    yaml.dump(whole, out)
    return out.getvalue()


def _yaml(kind: str) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ=kind, pure=True)
