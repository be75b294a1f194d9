"""Search on a remote: filters as it takes them, hits in our shape."""
