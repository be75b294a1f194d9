"""The page for a person: what the stores hold, found and shown as an agent sees it. Nothing here is read by stdio."""
