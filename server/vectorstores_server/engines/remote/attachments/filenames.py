"""Names of attached files, where a service does not give them with the files: known here, or asked for together."""

from contextlib import suppress

import anyio

from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.decoding import read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.models import File, Page, VectorStoreFile

MOST_KNOWN = 10_000
MOST_ASKED = 10
"""Files of a page whose names are asked for; in a longer page none is."""


class FilenameCache:
    """Names of the files that this process uploaded, and of those that it asked for."""

    def __init__(self, client: RemoteClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def learn(self, file: File) -> File:
        """Keep the name of a File, and return it."""
        if len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[file.id] = file.filename
        return file

    async def named(self, page: Page[VectorStoreFile]) -> Page[VectorStoreFile]:
        """Return the page with the names that can be had in the time of one request."""
        unknown = [file.id for file in page.data if file.id not in self._known and not file.filename]
        if len(unknown) <= MOST_ASKED:
            async with anyio.create_task_group() as tasks:
                for file_id in unknown:
                    tasks.start_soon(self._ask, file_id)
        return page.model_copy(update={"data": [self._with_name(file) for file in page.data]})

    async def _ask(self, file_id: str) -> None:
        with suppress(VectorStoreError):  # it may be deleted since
            self.learn(read_as(File, await self._client.get(routes.file(file_id), None, Subject(file_id=file_id))))

    def _with_name(self, file: VectorStoreFile) -> VectorStoreFile:
        name = self._known.get(file.id)
        return file if name is None or file.filename else file.model_copy(update={"filename": name})
