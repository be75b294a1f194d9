"""What agents do: the last calls of tools, of every process on a data directory, for the page of a person."""
