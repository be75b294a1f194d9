"""The check of a data directory: what is damaged, what that means, and its repair."""
