"""One event loop a module."""

from support.loops import event_loop_of_module, one_event_loop

__all__ = ["event_loop_of_module", "one_event_loop"]
