"""What is wrong with a client's file."""


class Malformed(ValueError):
    """A file that is not of its client's form, or could not be added to safely."""
