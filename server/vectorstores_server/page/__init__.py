"""The page for a person: the stores' contents, found and shown as an agent sees them. stdio imports nothing of it."""
