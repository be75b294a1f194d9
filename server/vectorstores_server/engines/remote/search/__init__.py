"""Search on a remote: filters in its form, hits in ours."""
