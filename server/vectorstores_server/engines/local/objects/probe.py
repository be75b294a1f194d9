"""The probe of an object storage before anything is kept there.

LanceDB commits a version by writing a manifest that must not exist yet (`If-None-Match: *`). A server that ignores the
condition tells every writer that it was first, and commits are lost in silence: two of four that were tried do so.
"""

import secrets
from contextlib import suppress
from functools import partial

from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_server.engines.local.objects.parallel import side_by_side
from vectorstores_tools.contract.errors import Unavailable

WRITERS = 8
ROUNDS = 2
PREFIX = "probe"


async def probe(bucket: ObjectBucket, *, writers: int = WRITERS) -> None:
    """Raise Unavailable unless of writers of one name exactly one is told that it wrote, each time."""
    names = [f"{PREFIX}/{secrets.token_hex(16)}" for _ in range(ROUNDS)]
    try:
        for name in names:
            await _race(bucket, name, writers)
    finally:
        with suppress(Unavailable):  # an earlier error counts, and a sweep takes what is left
            await bucket.remove(names)


async def _race(bucket: ObjectBucket, name: str, writers: int) -> None:
    """Let all write at once, then one more who is late."""
    data = [secrets.token_bytes(16) for _ in range(writers)]
    won = await side_by_side([partial(bucket.put, name, bytes_, create=True) for bytes_ in data], at_once=writers)
    late = await bucket.put(name, b"late", create=True)
    first = sum(won) + late
    if first != 1:
        raise _refused(bucket, f"of {writers + 1} writers of one name {first} were told that they were the first")
    if await bucket.get(name) != data[won.index(True)]:
        raise _refused(bucket, "it keeps the bytes of a writer that it refused")


def _refused(bucket: ObjectBucket, fact: str) -> Unavailable:
    return Unavailable(
        f"The object storage {bucket.place.shown} ignores conditional writes (If-None-Match): {fact}. With it commits"
        " would be lost in silence.",
        "Use a storage that honours them: S3, Google Cloud Storage, Azure, a current MinIO or Ceph.",
    )
