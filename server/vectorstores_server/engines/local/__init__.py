"""The engine on this machine: everything is in one data directory, without a key and without a network."""
