"""What a person sees: lines and tables. Names and texts are somebody else's, so they are shown clean."""

import sys
import time
from collections.abc import Sequence

from vectorstores_tools.fencing import line


def say(text: str = "") -> None:
    """Write a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(rows: Sequence[Sequence[str]]) -> None:
    """Write rows in aligned columns; the first row is the heading."""
    cells = [[line(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    for row in cells:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
    sys.stderr.write(f"{question} [y/N] ")
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
