"""A folder to walk, for every test of the intake."""

from support.surveys import root

__all__ = ["root"]
