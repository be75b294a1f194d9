"""Files attached to the stores of a remote: sources, batches, new versions."""
