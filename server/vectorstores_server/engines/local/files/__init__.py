"""Files on disk: bytes and parsed texts by hash, uploads in parts, and what no row names any more."""
