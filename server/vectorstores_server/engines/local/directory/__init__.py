"""The data directory: whose it is, which names in it are ours, and the only way in which any of them is removed."""
