"""The last calls of tools by agents, of every process on a data directory, for the page."""
