"""The memory that an index may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexMemory:
    """Bytes: `resident` for small tables that are searched in memory, `cache` for what LanceDB keeps of others."""

    resident: int = 128 << 20
    cache: int = 512 << 20
