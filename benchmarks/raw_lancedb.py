"""The reference of a search: the same two queries put to LanceDB directly, over the very table that we search."""

from pathlib import Path
from typing import Any

import anyio
import lancedb
from numpy import float32
from numpy.typing import NDArray

VECTOR_ROWS = 100
TEXT_ROWS = 300
PLACE = ["place"]


# half typed
connect: Any = lancedb.connect_async  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class RawTable:
    """The largest table below a folder, read with the library alone."""

    def __init__(self, table: Any) -> None:
        self._table = table

    @classmethod
    async def open(cls, data: Path) -> "RawTable":
        """Open the table with the most rows."""
        tables: list[tuple[int, Any]] = []
        for folder in folders_of_tables(data):
            connection: Any = await connect(str(folder))
            for name in await connection.table_names():
                table = await connection.open_table(name)
                tables.append((await table.count_rows(), table))
        return cls(max(tables, key=lambda entry: entry[0])[1])

    async def version(self) -> int:
        """Return how many commits made the table."""
        return int(await self._table.version())

    async def rows(self) -> int:
        """Count the passages."""
        return int(await self._table.count_rows())

    async def search(self, vector: NDArray[float32], text: str) -> None:
        """Run both queries side by side and take their rows."""
        async with anyio.create_task_group() as both:
            both.start_soon(self._near, vector)
            both.start_soon(self._worded, text)

    async def _near(self, vector: NDArray[float32]) -> None:
        query = self._table.query().nearest_to(vector).distance_type("cosine").limit(VECTOR_ROWS)
        await query.select([*PLACE, "_distance"]).to_arrow()

    async def _worded(self, text: str) -> None:
        query = self._table.query().nearest_to_text(text).limit(TEXT_ROWS)
        await query.select([*PLACE, "vector", "_score"]).to_arrow()


def folders_of_tables(data: Path) -> set[Path]:
    """Find where LanceDB keeps tables below `data`."""
    return {path.parent.parent for path in data.rglob("_versions") if path.parent.suffix == ".lance"}
