"""Output for a person: lines and tables. Names and texts are somebody else's, so they are shown clean."""

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

    Column `gives_way` is shortened where the others would not fit beside it, and the last one goes on in a next line.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(line(cell)) for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    others = sum(widths[:-1]) - widths[gives_way] + len(GAP) * (len(widths) - 1) + min(widths[-1], LONGEST_LAST)
    widths[gives_way] = min(widths[gives_way], max(LEAST, _width() - others))
    widths[-1] = max(min(widths[-1], LONGEST_LAST), _width() - sum(widths[:-1]) - len(GAP) * (len(widths) - 1))
    grid = Table(box=None, show_header=False, show_edge=False, pad_edge=False, padding=(0, len(GAP), 0, 0))
    for number, width in enumerate(widths):
        grid.add_column(width=width, no_wrap=number != len(widths) - 1, overflow="ellipsis")
    for row in cells:
        grid.add_row(*row)
    console = Console(
        width=max(_width(), sum(widths) + len(GAP) * len(widths)), color_system=None, legacy_windows=False
    )
    with console.capture() as written:
        console.print(grid)
    for row in written.get().splitlines():
        say(row.rstrip())


def _width() -> int:
    """Return how many characters a row of the terminal has; without one nothing is shortened."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else FOR_PROGRAMS


def fields(pairs: Sequence[tuple[str, object]]) -> None:
    """Write names and values, leaving out those without a value."""
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
    from rich.filesize import decimal

    return decimal(count)


def moment(seconds: int | None) -> str:
    """Return Unix seconds as local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else ""


def whole_path(named: str) -> Path:
    """Return the whole path of a folder that a person typed: relative to the working directory, `~` as their home."""
    return Path(named).expanduser().absolute()
