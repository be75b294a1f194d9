"""The repair of a check's findings. Nothing is destroyed: damaged data is set aside, and made again where it can be."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import anyio.to_thread

from vectorstores_server.engines.local.catalog import Catalog, reconciliation
from vectorstores_server.engines.local.catalog.ids import clock
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.index import Index
from vectorstores_server.system.aside import aside_folder
from vectorstores_server.system.posix import private_directory
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
                await anyio.to_thread.run_sync(self._set_aside, finding.name)
                return False  # the bytes are still to be uploaded again
            case "rebuild":
                if await self._catalog.write(reconciliation.rebuild, finding.name, clock()):
                    await self._index.discard(finding.name)
                return True
            case "none":
                return False

    async def _parse_again(self, finding: Finding) -> bool:
        path = next(self._blobs.blobs.glob(f"{finding.name}*"), None)
        return path is not None and await self._restore(path.name, finding.files[0]) is not None

    def _set_aside(self, short: str) -> None:
        for path in self._blobs.blobs.glob(f"{short}*"):
            folder = aside_folder(self._directory) / "blobs"
            private_directory(folder)
            path.replace(folder / path.name)
