"""The ownership of a place in object storage: a marker object says that it is ours, and the catalog knows its id."""

import json
import secrets
from contextlib import suppress
from typing import cast

from vectorstores_server.engines.local.directory.names import MARKER
from vectorstores_server.engines.local.directory.ownership import PRODUCT
from vectorstores_server.engines.local.directory.shared_folder import PlaceMarker
from vectorstores_server.engines.local.objects.blob_objects import BLOBS
from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_tools.contract.errors import Unavailable


async def claim_bucket(bucket: ObjectBucket) -> PlaceMarker:
    """Make sure that the place is one of ours, a new one if it is empty. Raises Unavailable."""
    marker = await _marker(bucket)
    if marker is None:
        others = [name for name in await bucket.top("") if name.strip("/") not in {"probe", "clock"}]
        if others:
            raise Unavailable(
                f"The place {bucket.place.shown} is not empty: it holds {others[0]}. Nothing in it was changed.",
                "Set VECTOR_STORES_OBJECTS to a new prefix.",
            )
        content = {"product": PRODUCT, "format": 1, "id": secrets.token_hex(16), "shared": True}
        await bucket.put(MARKER, json.dumps(content).encode(), create=True)  # of several servers one is first
        marker = await _marker(bucket) or {}
    if marker.get("product") != PRODUCT:
        raise Unavailable(
            f"The object {MARKER} in {bucket.place.shown} is not a marker of ours.",
            "Set VECTOR_STORES_OBJECTS to another prefix.",
        )
    return PlaceMarker(str(marker["id"]), bucket.place.shown, holds_data=bool(await bucket.top(BLOBS)))


async def _marker(bucket: ObjectBucket) -> dict[str, object] | None:
    with suppress(FileNotFoundError):
        try:
            found = json.loads(await bucket.get(MARKER))
        except ValueError:
            return {}
        return cast("dict[str, object]", found) if isinstance(found, dict) else {}
    return None
