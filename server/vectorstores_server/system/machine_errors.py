"""Errors of the machine: faults of the system, not of the data. They pause work and count as nothing else.

Only data that was read and is wrong is damaged. A descriptor, a permission, memory or a disk that is lacking, and a
server that does not answer, make the same data unreachable for a while.
"""

import errno
import re
import sqlite3
from typing import cast

ERRNOS = frozenset(
    getattr(errno, name)
    for name in (
        "EMFILE", "ENFILE", "EACCES", "EPERM", "EIO", "ENOMEM", "EAGAIN", "ENOSPC", "EDQUOT", "EROFS", "EBUSY", "EINTR",
        "ENODEV", "ENXIO", "ESTALE", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENOTCONN", "ETIMEDOUT",
        "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "EREMOTEIO", "EMEDIUMTYPE", "ETXTBSY", "ENOLCK",
    )
    if hasattr(errno, name)
)  # fmt: skip
_SQLITE = frozenset(
    getattr(sqlite3, f"SQLITE_{name}")
    for name in ("BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "FULL", "CANTOPEN", "PROTOCOL", "PERM")
)
_SHARING_VIOLATIONS = (32, 33)
_OS_ERROR = re.compile(r"\bos error (\d+)\b|\bOs \{ code: (\d+)")
_WORDS = re.compile(
    r"too many open files|permission denied|operation not permitted|input/output error|cannot allocate memory"
    r"|out of memory|resource temporarily unavailable|read-only file system|no space left|quota exceeded"
    r"|device or resource busy|stale file handle|\btimed? ?out\b|connection (?:refused|reset|aborted)|broken pipe"
    r"|dns error|error sending request|HttpError \{|\bListRequest\b|\bstatus: (?:40[1378]|429|5\d\d)\b",
    re.IGNORECASE,
)
"""The system's words in the text of errors by libraries that raise one kind of error only.

The last line is of object stores: no connection, no list of what there is, refused, too fast, or failed.
"""


def is_of_the_machine(error: BaseException) -> bool:
    """Tell whether the machine or the network failed, rather than the data or the code. All of a group must be so."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(is_of_the_machine(inner) for inner in group.exceptions)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in ERRNOS
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return isinstance(code, int) and code & 0xFF in _SQLITE
    return isinstance(error, MemoryError | TimeoutError)


def is_in_use(error: OSError) -> bool:
    """Tell whether Windows let a file not be moved or removed because somebody has it open; elsewhere one can."""
    return isinstance(error, PermissionError) and getattr(error, "winerror", None) in _SHARING_VIOLATIONS


def tells_of_the_machine(text: str) -> bool:
    """Tell the same of an error of which only the text is known."""
    numbers = [int(number or other) for number, other in _OS_ERROR.findall(text)]
    return any(number in ERRNOS for number in numbers) if numbers else _WORDS.search(text) is not None
