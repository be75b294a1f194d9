"""The repair of a check's findings. Nothing is destroyed: damaged data is set aside, and made again where it can be."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from vectorstores_server.engines.local.catalog import Catalog, reconciliation
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.index import Index
from vectorstores_server.system.aside import aside_folder
from vectorstores_tools.contract.maintenance import Finding

Restore = Callable[[str, str], Awaitable[object]]


class Repairer:
    """Mends findings. The caller holds the worker's lock: a table is given up only while nobody writes to it."""

    def __init__(self, directory: Path, catalog: Catalog, blobs: Blobs, index: Index, restore: Restore) -> None:
        self._directory = directory
        self._catalog = catalog
        self._blobs = blobs
        self._index = index
        self._restore = restore

    async def mend(self, findings: Sequence[Finding]) -> list[Finding]:
        """Repair the findings that can be repaired; return the others."""
        return [finding for finding in findings if not await self._mended(finding)]

    async def _mended(self, finding: Finding) -> bool:
        match finding.repair:
            case "parse again":
                return await self._parse_again(finding)
            case "set aside":
                await self._set_aside(finding.name)
                return False  # the bytes are still to be uploaded again
            case "rebuild":
                if await self._catalog.write(reconciliation.rebuild, finding.name, clock()):
                    await self._index.discard(finding.name)
                return True
            case "none":
                return False

    async def _parse_again(self, finding: Finding) -> bool:
        found = await self._blobs.find(finding.name)
        return bool(found) and await self._restore(found[0], finding.files[0]) is not None

    async def _set_aside(self, short: str) -> None:
        for sha256 in await self._blobs.find(short):
            await self._blobs.set_aside(sha256, aside_folder(self._directory) / "blobs")
