"""The context of a tool's call: everything that its function gets besides the arguments."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.intake import Intake
from vectorstores_tools.contract.mirrors import Mirroring
from vectorstores_tools.contract.models import FileBatch, VectorStore, VectorStoreFile

LONGEST_WAIT = 50
"""The longest wait_seconds that a call takes."""

Report: TypeAlias = Callable[[float, float | None, str], Awaitable[None]]
"""A report of progress to the client, if it asked for any: (progress, total, message); progress must grow."""

Consent: TypeAlias = Literal["given", "declined", "not asked"]
"""The person's answer to the question before a deletion; `not asked` where the client has no way to ask."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call of a tool: the engine and intake that serve it, and the client's answers to questions."""

    engine: Engine
    intake: Intake
    report: Report
    stores_changed: Callable[[], Awaitable[None]]
    """Tells the client that the list of stores has changed."""
    roots: Sequence[Path] | None = None
    """The folders the client has open; None where it declared none or is not asked."""
    consent: Consent = "not asked"
    mirroring: Mirroring | None = None
    """The mirroring of folders by this process; None where stores cannot follow a folder."""
    tools: frozenset[str] = frozenset({"retrieve", "read"})
    """The tools that this server shows: an answer must not advise any other."""

    def waits_for(self, **ids: str) -> str:
        """Return the call that waits for an object in progress, or where there is none the one that looks again."""
        named = ", ".join(f"{name}='{line(value)}'" for name, value in ids.items())
        if "retrieve" in self.tools:
            return f"retrieve({named}, wait_seconds={LONGEST_WAIT})"
        return f"list(vector_store_id='{line(ids['vector_store_id'])}', filter='in_progress')"

    @property
    def reads_rest(self) -> str:
        """The call that reads the text around a hit, in words."""
        return "read with uri=..." if "read" in self.tools else "the resource at uri"


def next_for(call: ToolCall, item: object) -> str | None:
    """Return the call that waits for an object in progress; None for one that is final."""
    if getattr(item, "status", "") != "in_progress":
        return None
    match item:
        case VectorStore():
            return call.waits_for(vector_store_id=item.id)
        case FileBatch():
            return call.waits_for(vector_store_id=item.vector_store_id, batch_id=item.id)
        case VectorStoreFile():
            return call.waits_for(vector_store_id=item.vector_store_id, file_id=item.id)
        case _:
            return None
