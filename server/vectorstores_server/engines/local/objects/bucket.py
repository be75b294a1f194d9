"""Requests to an object storage, by `obstore`, and the one place where its errors are read."""
# pyright: reportUnknownMemberType=false
# ^ two of its functions may also return Arrow's tables, whose types are those of a library that is not there

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread

from vectorstores_server.engines.local.catalog.connection import translated
from vectorstores_server.system.posix import private_directory
from vectorstores_tools.contract.errors import Unavailable

if TYPE_CHECKING:  # the library is imported by the first request
    from collections.abc import AsyncIterator, Callable, Generator, Sequence
    from pathlib import Path

    from obstore.store import ObjectStore

    from vectorstores_server.engines.local.objects.place import ObjectPlace

PIECE = 5 * 1024 * 1024
"""The bytes of a request, so that a deadline can be set for it."""
LISTED = 1_000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that a listing names. `changed`: seconds of the storage's clock."""

    name: str
    size: int
    changed: float


class ObjectBucket:
    """The objects below one address. All raise Unavailable; reading what is not there raises FileNotFoundError."""

    def __init__(self, place: ObjectPlace, connect: Callable[[ObjectPlace], ObjectStore] | None = None) -> None:
        self.place = place
        self.connect = connect or connected
        self._store: ObjectStore | None = None

    async def put(self, name: str, data: bytes | Path, *, create: bool = False) -> bool:
        """Write an object; with `create` only where there is none. Tell whether it was written."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._asked():
            try:
                mode = "create" if create else "overwrite"
                await obstore.put_async(
                    await self._opened(), name, data, mode=mode, chunk_size=PIECE, max_concurrency=4
                )
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    async def get(self, name: str) -> bytes:
        """Read an object that is small."""
        import obstore

        with self._asked():
            found = await obstore.get_async(await self._opened(), name)
            return bytes(await found.bytes_async())

    async def head(self, name: str) -> StoredObject:
        """Look at an object."""
        import obstore

        with self._asked():
            found = await obstore.head_async(await self._opened(), name)
            return StoredObject(found["path"], found["size"], found["last_modified"].timestamp())

    async def range(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read a part of an object, a request for each PIECE."""
        import obstore

        for first in range(start, end, PIECE):
            last = min(first + PIECE, end)
            with self._asked():
                piece = bytes(await obstore.get_range_async(await self._opened(), name, start=first, end=last))
            yield piece

    async def download(self, name: str, size: int, path: Path) -> None:
        """Copy an object into a new file."""
        with self._on_disk(path):
            await to_thread.run_sync(private_directory, path.parent)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                async for piece in self.range(name, 0, size):
                    await to_thread.run_sync(file.write, piece)

    async def list(self, prefix: str) -> list[StoredObject]:
        """List the objects below a prefix, which ends at a `/` whether that is written or not."""
        import obstore

        found: list[StoredObject] = []
        with self._asked():
            async for chunk in obstore.list(await self._opened(), prefix, chunk_size=LISTED):
                found += [StoredObject(o["path"], o["size"], o["last_modified"].timestamp()) for o in chunk]
        return found

    async def top(self, prefix: str) -> list[str]:
        """Name what lies directly below a prefix: objects, and what the names of others begin with."""
        import obstore

        with self._asked():
            found = await obstore.list_with_delimiter_async(await self._opened(), prefix)
        return [*found["common_prefixes"], *(object["path"] for object in found["objects"])]

    async def remove(self, names: Sequence[str]) -> None:
        """Delete objects; those that are not there are deleted already."""
        import obstore

        for first in range(0, len(names), LISTED):
            with suppress(FileNotFoundError), self._asked():
                await obstore.delete_async(await self._opened(), list(names[first : first + LISTED]))

    async def copy(self, name: str, target: str) -> None:
        """Copy an object inside the storage."""
        import obstore

        with self._asked():
            await obstore.copy_async(await self._opened(), name, target)

    @contextmanager
    def _asked(self) -> Generator[None]:
        """Turn the library's errors into ours. Their texts may quote keys: none of them is passed on."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError):
            raise Unavailable(
                f"The object storage {self.place.shown} refuses the credentials.",
                "Check those that the environment of the server gives, and what they may do in that bucket.",
            ) from None
        except FileNotFoundError as error:
            if "NoSuchBucket" not in str(error) and "ContainerNotFound" not in str(error):
                raise FileNotFoundError("no such object") from None
            raise self.missing() from None
        except BaseError as error:
            if "NoSuchBucket" in str(error):
                raise self.missing() from None
            raise self.away() from None
        except ValueError:
            raise Unavailable(
                f"The object storage {self.place.shown} cannot be used with these options.",
                "Check the address, the endpoint and the environment's credentials.",
            ) from None

    @contextmanager
    def _on_disk(self, path: Path) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise translated(error, path.parent) from error

    def away(self) -> Unavailable:
        """Return the error for a storage that does not answer."""
        return Unavailable(
            f"The object storage {self.place.shown} does not answer.",
            "Try again; if it stays away, check the address, the network and the storage itself.",
        )

    def missing(self) -> Unavailable:
        """Return the error for a bucket that is not there."""
        return Unavailable(
            f"There is no bucket for {self.place.shown}.", "Make it, or correct the address; nothing is made by itself."
        )

    async def _opened(self) -> ObjectStore:
        if self._store is None:
            self._store = await to_thread.run_sync(self.connect, self.place)
        return self._store


def connected(place: ObjectPlace) -> ObjectStore:
    """Return the library's client. Nothing is asked of the storage yet."""
    from datetime import timedelta

    from obstore.store import from_url

    patience = place.deadlines
    open_url: Callable[..., ObjectStore] = from_url
    return open_url(
        place.url,
        config=place.client_options,
        client_options={
            "connect_timeout": timedelta(seconds=patience.connect),
            "timeout": timedelta(seconds=patience.request),
            "allow_http": place.allows_http,
        },
        retry_config={
            "max_retries": patience.retries,
            "retry_timeout": timedelta(seconds=patience.retry),
        },
    )
