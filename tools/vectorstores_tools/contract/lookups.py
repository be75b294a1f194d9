"""Lists followed from page to page, over any engine; newest first."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import count
from typing import TypeVar

from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import NotFound
from vectorstores_tools.contract.models import File, Page, VectorStore, VectorStoreFile
from vectorstores_tools.contract.requests import FilesRequest, PageRequest, Status, StoreFilesRequest


async def filename_of(engine: Engine, file: VectorStoreFile) -> str:
    """Return the name of a store's file, empty where the File is gone: its id still says which it was."""
    if file.filename:
        return file.filename
    try:
        return (await engine.retrieve_file(file.id)).filename
    except NotFound:
        return ""


A_PAGE = 100
T = TypeVar("T", VectorStore, VectorStoreFile, File)


def stores_of(engine: Engine, *, pages: int | None = None) -> AsyncGenerator[VectorStore]:
    """Yield every store, or those of the first `pages` pages of 100."""
    return _followed(lambda after: engine.list_stores(PageRequest(limit=A_PAGE, after=after)), pages)


def files_of(
    engine: Engine, store_id: str, status: Status | None = None, *, pages: int | None = None
) -> AsyncGenerator[VectorStoreFile]:
    """Yield the store's files, those of one status if it is given. Raises StoreNotFound at the first one.

    There are remotes that list all files whatever status is asked for.
    """

    async def ask(after: str | None) -> Page[VectorStoreFile]:
        request = StoreFilesRequest(limit=A_PAGE, after=after, filter=status)
        page = await engine.list_store_files(store_id, request)
        if status is not None:
            page.data = [file for file in page.data if file.status == status]
        return page

    return _followed(ask, pages)


def uploaded_files(engine: Engine) -> AsyncGenerator[File]:
    """Yield every uploaded File."""
    return _followed(lambda after: engine.list_files(FilesRequest(after=after)), None)


async def _followed(ask: Callable[[str | None], Awaitable[Page[T]]], pages: int | None) -> AsyncGenerator[T]:
    after: str | None = None
    for _ in count() if pages is None else range(pages):
        page = await ask(after)
        for item in page.data:
            yield item
        if not page.has_more or page.last_id in (None, after):  # a remote may say for ever that there is more
            return
        after = page.last_id
