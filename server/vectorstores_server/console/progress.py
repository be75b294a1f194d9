"""The progress bar of long work: how many of how many, the rate, the time left. On stderr."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from vectorstores_tools.contract.characters import line


class _Rate(ProgressColumn):
    """The rate since the beginning, and the time left at that rate: work comes in groups, so the latest says little."""

    def render(self, task: Task) -> Text:
        if not task.completed or not task.elapsed or task.remaining is None:
            return Text("")
        rate = task.completed / task.elapsed
        left = f", {timedelta(seconds=round(task.remaining / rate))} left" if task.remaining else ""
        return Text(f"{self._shown(rate)}/s{left}")

    def _shown(self, rate: float) -> str:
        return f"{rate / 1e6:.1f} MB" if rate > 100_000 else f"{rate:.1f}"


class ReportDone(Protocol):
    """A report of how many are done, with a few words on the work."""

    def __call__(self, done: int, words: str = "") -> None:
        """Show it."""
        ...


@contextmanager
def bar(label: str, total: int) -> Generator[ReportDone]:
    """Show a bar, and yield the function that reports progress to it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(label, total=total)

        def say(done: int, words: str = "") -> None:
            progress.update(task, completed=done, description=f"{label} {escape(line(words))}" if words else label)

        yield say
