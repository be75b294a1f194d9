"""What a person sees: lines and tables. Names and texts are somebody else's, so they are shown clean."""

import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vectorstores_tools.contract.characters import clean, line, sentence

GAP = "  "
LEAST = 16
"""Characters of a name that are shown however narrow the terminal is."""
LONGEST_LAST = 20
"""Characters that are kept for the last column; more of it, a sentence, goes on in the next line."""
FOR_PROGRAMS = 100_000


def say(text: str = "") -> None:
    """Write a line, whatever it quotes; its spaces stay."""
    sys.stdout.write(" ".join(clean(text).splitlines()) + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{sentence(text)}\n")


def table(rows: Sequence[Sequence[str]], gives_way: int) -> None:
    """Write rows in aligned columns; the first row is the heading.

    Column `gives_way` is shortened where the others would not fit beside it; the last one is as long as it is.
    """
    cells = [[line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    others = sum(widths[:-1]) - widths[gives_way] + len(GAP) * (len(widths) - 1) + min(widths[-1], LONGEST_LAST)
    widths[gives_way] = min(widths[gives_way], max(LEAST, _width() - others))
    widths[-1] = 0
    for row in cells:
        row[gives_way] = line(row[gives_way], widths[gives_way])
        say(GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _width() -> int:
    """Return how many characters a row of the terminal has; without one nothing is shortened."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else FOR_PROGRAMS


def fields(pairs: Sequence[tuple[str, object]]) -> None:
    """Write names and values, leaving out what there is not."""
    shown = [(name, line(str(value))) for name, value in pairs if value not in (None, "", {})]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        say(f"{name.ljust(width)}  {value}")


def agrees(question: str) -> bool:
    """Ask for a yes; where nobody can be asked, the answer is no."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{sentence(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def counted(count: int, thing: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def size(count: int) -> str:
    """Return a number of bytes as people write it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1_000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1_000
    return f"{value:.1f} GB"


def moment(seconds: int | None) -> str:
    """Return Unix seconds as local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else ""


def whole_path(named: str) -> Path:
    """Return a folder as a person names it: from where they stand, `~` as their home."""
    return Path(named).expanduser().absolute()
