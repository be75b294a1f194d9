"""What a person can do on the command line; each module is one command."""
