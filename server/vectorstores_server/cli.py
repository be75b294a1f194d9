"""The entry point: argv and environment -> settings -> one command.

This module is the parser child's `__main__` too, so it imports nothing heavy.
"""

import sys
from typing import TYPE_CHECKING, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command that the arguments name, and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(argv: "Sequence[str]") -> int:
    """Run a command; 0 is success, 1 an error that stderr names, 2 wrong arguments, 130 a Ctrl-C."""
    from vectorstores_tools.contract.errors import VectorStoreError

    try:
        return _command(argv)
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # The reader of our output has closed the pipe (`| head`); Python's flush at exit must not fail on it again.
        sys.stdout = None  # pyright: ignore[reportAttributeAccessIssue]  # nothing left to flush
        return 0
    except Exception as error:  # noqa: BLE001 the one handler that catches all: a person gets a line, not a stack
        cause = _innermost(error)
        if not isinstance(cause, VectorStoreError):
            return _unforeseen(cause)
        sys.stderr.write(f"vector-stores-mcp: {cause}\n")
        return 1


def _command(argv: "Sequence[str]") -> int:
    import os
    from importlib import import_module

    import anyio

    from vectorstores_server.console.parser import parse_command_line
    from vectorstores_server.console.terminal import warn
    from vectorstores_server.settings import read_settings, unknown_variables
    from vectorstores_server.system import logs, posix
    from vectorstores_server.system.shutdown import until_stopped

    posix.raise_descriptor_limit()
    os.umask(0o077)  # also for what libraries write below the data directory
    arguments, flags = parse_command_line(argv)
    settings = read_settings(flags)
    serving = arguments.command == "serve"
    level = settings.log.level if serving or "log_level" in flags else "warning"
    logs.configure(level, settings.log.file, settings.log.format)
    if not serving:  # which logs them
        for sentence in unknown_variables(os.environ):
            warn(f"vector-stores-mcp: {sentence}")
    command = import_module(f"vectorstores_server.commands.{arguments.command}")
    goes_on = getattr(command, "INTERRUPTED", None)
    if goes_on is None:
        return anyio.run(command.run, settings, arguments)
    code = anyio.run(until_stopped, lambda: command.run(settings, arguments))
    return _interrupted(goes_on) if code is None else code


def _interrupted(next: str = "") -> int:
    sys.stderr.write(f"Interrupted. {next}".rstrip() + "\n")
    return INTERRUPTED


def _innermost(error: BaseException) -> BaseException:
    """Return the first of the errors inside task groups."""
    if isinstance(error, BaseExceptionGroup):
        return _innermost(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    return error


def _unforeseen(error: BaseException) -> int:
    import logging

    from vectorstores_server.system.logs import event

    extra = event("unforeseen_error", kind=type(error).__name__)
    logging.getLogger(__name__).error("This should not have happened", exc_info=error, extra=extra)
    sys.stderr.write(
        f"vector-stores-mcp: an unforeseen error, {type(error).__name__}; please report the lines above.\n"
    )
    return 1


if __name__ == "__main__":
    main()
