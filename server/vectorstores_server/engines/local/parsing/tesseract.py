"""The program tesseract: where it is and which languages it reads (asked by the worker), and one page of text by it.

It is called as a process of the parser's child, without a shell, and inherits that child's limits.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio

from vectorstores_server.engines.local.parsing import HOW_TO_READ_PICTURES
from vectorstores_server.engines.local.parsing.document_builder import clean
from vectorstores_server.engines.local.parsing.errors import invalid
from vectorstores_server.engines.local.parsing.pdf_characters import HYPHENS, joined
from vectorstores_server.system import posix

_MOST_BYTES = 1 << 20
"""The most bytes of a page's text; the densest newspaper has a tenth of that."""
_NO_TEXT = 0.05
"""The share of bytes that are no UTF-8 from which on an answer is no text."""
_MOST_LANGUAGES = 6
_ANSWER_SECONDS = 10
_KEPT = ("PATH", "TESSDATA_PREFIX", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")
_DIVIDED = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_A-Z])")
_CPU_SPENT = -24
"""The return code of a process that the system ended by SIGXCPU."""
_NO_LANGUAGES = frozenset(["osd", "equ", "snum"])


@dataclass(frozen=True, slots=True)
class Recognition:
    """The operator's choice: `pages` of a file at most, in `languages` ("deu+eng"; empty: those that are there)."""

    pages: int = 200
    languages: str = ""
    program: str = "tesseract"

    @property
    def there(self) -> bool:
        """Tell whether the program is installed; asking takes less than a millisecond."""
        return shutil.which(self.program) is not None


class Tesseract:
    """The program as it is installed. `advice` says how to get missing parts."""

    def __init__(self, choice: Recognition) -> None:
        self.choice = choice
        self.advice = f"{HOW_TO_READ_PICTURES} to read them"
        self._command: tuple[str, ...] | None = None

    async def command(self) -> tuple[str, ...] | None:
        """Return the words that call it; None while it cannot read anything."""
        path = shutil.which(self.choice.program)
        if path is None:
            self._command = None
        elif self._command is None or self._command[0] != path:
            languages = self._chosen(await _languages(path))
            self._command = _command(path, languages) if languages else None
        return self._command

    def _chosen(self, installed: Sequence[str]) -> list[str]:
        named = [language for language in self.choice.languages.split("+") if language]
        if missing := [language for language in named if language not in installed]:
            self.advice = f"{HOW_TO_READ_PICTURES} data for {'+'.join(missing)[:20]}"
            return []
        if named:
            return named
        readable = [language for language in installed if language not in _NO_LANGUAGES and "/" not in language]
        if len(readable) > _MOST_LANGUAGES and "eng" in readable:
            return ["eng"]  # each further one makes it slower, and more than a few less sure
        return sorted(readable[:_MOST_LANGUAGES], key=lambda language: language != "eng")


def _command(path: str, languages: Sequence[str]) -> tuple[str, ...]:
    return (path, "stdin", "stdout", "-l", "+".join(languages), "--psm", "3")


async def _languages(path: str) -> list[str]:
    """Return the installed languages; none where the program does not list them in time."""
    with anyio.move_on_after(_ANSWER_SECONDS):
        try:
            reply = await anyio.run_process([path, "--list-langs"], check=False, env=_environment())
        except OSError:
            return []
        lines = reply.stdout.decode("utf-8", "replace").splitlines()
        return [line.strip() for line in lines if line.strip() and ":" not in line and " " not in line.strip()]
    return []


def text_of(picture: bytes, command: Sequence[str], seconds: float) -> str:
    """Return the text that stands in a picture (PNM, PNG). Raises ParserRefusal when there is no answer to be had.

    Called in the parser's child. The program ends with this process, and after `seconds` at the latest.
    """
    late = threading.Event()
    output: bytes | None = None
    process = _started(command)
    with suppress(BrokenPipeError), process:
        timer = threading.Timer(seconds, _end, (process, late))
        timer.start()
        try:
            output = _answer(process, picture)
        finally:
            timer.cancel()
            process.kill()
    if late.is_set() or process.returncode == _CPU_SPENT:
        raise invalid("has a page on which tesseract took too long", "Split it, or scan it more clearly")
    if output is None:
        raise invalid("has a page on which tesseract broke off", "Scan it again")
    text = output.decode("utf-8", "replace")
    if text.count("\ufffd") > _NO_TEXT * len(text):
        raise invalid("has a page from which tesseract made no text", "Check that tesseract works on other pictures")
    text = _DIVIDED.sub(f"{HYPHENS[0]}\n", text)
    return clean(joined(text, lambda word: word in text)).strip()


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 a program of the operator's path, and words of ours
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        preexec_fn=None if sys.platform == "win32" else partial(posix.end_with_parent, os.getpid()),  # noqa: PLW1509 only the watchdog of faulthandler runs beside it
    )


def _answer(process: "subprocess.Popen[bytes]", picture: bytes) -> bytes | None:
    """Return the program's output, None where it failed."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return None
    stdin.write(picture)
    stdin.close()
    output = stdout.read(_MOST_BYTES)
    stdout.close()  # a program that goes on writing ends by that
    return output if process.wait() == 0 else None


def _end(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _environment() -> dict[str, str]:
    """Return the variables that tesseract needs to find its languages, and no others of ours; it gets one thread."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"OMP_THREAD_LIMIT": "1"}
