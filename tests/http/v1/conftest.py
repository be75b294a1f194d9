"""One event loop a module."""

from support.loops import one_event_loop

__all__ = ["one_event_loop"]
