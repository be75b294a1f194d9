"""Refusals of parsers, raised before the name of the file is known."""

import csv
import struct
import zipfile
import zlib


class ParserRefusal(Exception):
    """`fact` goes on after the file's name ("is encrypted"), `step` is a sentence without its full stop."""

    def __init__(self, code: str, fact: str, step: str) -> None:
        super().__init__(code, fact, step)
        self.code = code
        self.fact = fact
        self.step = step


def unsupported(fact: str, step: str) -> ParserRefusal:
    """Say that nothing here can read such a file."""
    return ParserRefusal("unsupported_file", fact, step)


def invalid(fact: str, step: str) -> ParserRefusal:
    """Say that the file is damaged, locked or too large."""
    return ParserRefusal("invalid_file", fact, step)


def encrypted() -> ParserRefusal:
    """Say that the file needs a password."""
    return invalid("is encrypted", "Remove its password and upload it again")


def damaged(kind: str) -> ParserRefusal:
    """Say that the library for `kind` cannot read the file."""
    return invalid(f"is damaged or not {kind}", "Save it again in the program that made it, and upload it again")


# The errors of libraries over bytes that they did not expect: damaged office files end in every kind of these.
DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,  # lxml and the standard library's XML parser derive theirs from it
    TypeError,
    ValueError,
    csv.Error,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
