"""Files that a caller sends in parts, where the service takes parts."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from vectorstores_server.engines.remote.dialects import Dialect
from vectorstores_server.engines.remote.files.sending import send_part
from vectorstores_server.engines.remote.http import routes
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.decoding import read_as
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.engine import NewUpload
from vectorstores_tools.contract.errors import NotSupported
from vectorstores_tools.contract.models import Upload, UploadPart


class RemoteUploads:
    """The four calls of an upload. Raises NotSupported where there are none."""

    def __init__(self, client: RemoteClient, dialect: Dialect) -> None:
        self._client = client
        self._dialect = dialect

    async def create(self, new: NewUpload) -> Upload:
        """Begin an upload."""
        self._check()
        body: dict[str, Any] = {
            "filename": new.filename,
            "purpose": new.purpose,
            "bytes": new.bytes,
            "mime_type": new.mime_type,
        }
        if new.expires_after is not None:
            body["expires_after"] = new.expires_after.model_dump()
        return read_as(Upload, await self._client.post("uploads", body))

    async def add(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        """Send a part."""
        self._check()
        return await send_part(self._client, upload_id, stream)

    async def complete(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        """Complete an upload: make its File."""
        self._check()
        body = {"part_ids": list(part_ids), **({"md5": md5} if md5 else {})}
        reply = await self._client.post(routes.upload(upload_id, "/complete"), body, Subject(upload_id=upload_id))
        return read_as(Upload, reply)

    async def cancel(self, upload_id: str) -> Upload:
        """Cancel an upload."""
        self._check()
        path = routes.upload(upload_id, "/cancel")
        return read_as(Upload, await self._client.post(path, None, Subject(upload_id=upload_id), repeatable=True))

    def _check(self) -> None:
        if not self._dialect.capabilities.uploads:
            raise NotSupported("This service takes no uploads in parts;", "upload the file whole.")
