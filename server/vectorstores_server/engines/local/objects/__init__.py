"""Object storage (S3 and what speaks it, GCS, Azure) in the place of the folders of a data directory.

Importing this imports no client of any storage; the first request does.
"""
