"""Files on disk: bytes and parsed texts by hash, uploads in parts, and files that no row names any more."""
