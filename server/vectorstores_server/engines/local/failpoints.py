"""Failpoints: the named steps of the worker, at which a test ends the process or raises.

`reached` does nothing unless a test has set a hook with `hooked`. The hook is a context variable: it holds for the
tasks started inside the block, the engine's background tasks among it, and for nothing else in the process.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

_hook: ContextVar[Callable[[str], None] | None] = ContextVar("failpoint", default=None)


def reached(step: str) -> None:
    """Tell the hook of a test, if there is one, that `step` has just been taken. Errors of the hook are passed on."""
    hook = _hook.get()
    if hook is not None:
        hook(step)


@contextmanager
def hooked(hook: Callable[[str], None]) -> Generator[None]:
    """Call `hook` with the name of each step that is reached by tasks started inside the block."""
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)
