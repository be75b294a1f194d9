"""Filters that a remote can evaluate: OpenAI's grammar everywhere, facts and prefixes at another vector-stores-mcp."""

from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.errors import NotSupported
from vectorstores_tools.contract.filters import FACT_KEYS, Comparison, Filter, comparisons


async def is_ours(client: RemoteClient, store_id: str) -> bool:
    """Tell whether the remote is a vector-stores-mcp; before its first reply the store is read to see that."""
    if client.extended is None:
        await client.get(routes.store(store_id), None, Subject(store_id))
    return bool(client.extended)


async def check_reach(client: RemoteClient, store_id: str, filter: Filter | None) -> None:
    """Raise NotSupported for a comparison that the remote would take for another."""
    asked = comparisons(filter) if filter is not None else []
    beyond = [comparison for comparison in asked if comparison.is_extension]
    eclipsed = [comparison for comparison in asked if comparison.key in FACT_KEYS and not comparison.of_file]
    if not beyond and not eclipsed:
        return
    ours = await is_ours(client, store_id)
    if beyond and not ours:
        raise not_available(beyond[0], client.host)
    if eclipsed and ours:
        raise NotSupported(
            f"{client.host} takes '{eclipsed[0].key}' for a fact of the file;",
            "give the attribute another name.",
            param="filters",
        )


def not_available(asked: Comparison, host: str) -> NotSupported:
    """Return the error for a comparison that only a vector-stores-mcp can evaluate."""
    what = f"The key '{asked.key}' of files" if asked.of_file else f"The operator '{asked.operator}'"
    return NotSupported(f"{what} is not available at {host};", "filter by attributes.", param="filters")
