"""The check of a data directory: its damages, their consequences, and their repair."""
