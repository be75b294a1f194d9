"""The routes of the API. Ids are opaque, so they are quoted."""

from urllib.parse import quote


def store(store_id: str, rest: str = "") -> str:
    """vector_stores/{id}..."""
    return f"vector_stores/{quote(store_id, safe='')}{rest}"


def store_file(store_id: str, file_id: str, rest: str = "") -> str:
    """vector_stores/{id}/files/{file_id}..."""
    return store(store_id, f"/files/{quote(file_id, safe='')}{rest}")


def batch(store_id: str, batch_id: str, rest: str = "") -> str:
    """vector_stores/{id}/file_batches/{batch_id}..."""
    return store(store_id, f"/file_batches/{quote(batch_id, safe='')}{rest}")


def file(file_id: str, rest: str = "") -> str:
    """files/{id}..."""
    return f"files/{quote(file_id, safe='')}{rest}"


def upload(upload_id: str, rest: str) -> str:
    """uploads/{id}/..."""
    return f"uploads/{quote(upload_id, safe='')}{rest}"
