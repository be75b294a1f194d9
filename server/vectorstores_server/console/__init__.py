"""The terminal: arguments, flags, progress bars, and what commands print."""
