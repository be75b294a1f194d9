"""What a client hears of while a file goes out to a remote: an engine on this machine tells nothing of it."""

from collections.abc import Callable
from dataclasses import replace

from vectorstores_tools.contract import Source

MB = 1_000_000


def watched(source: Source, tell: Callable[[float, str], None]) -> Source:
    """Return the source; `tell` hears of the share that has gone out, 0 to 1, and of it in words."""

    def sent(count: int) -> None:
        tell(count / max(1, source.size), f"{count / MB:.1f} of {source.size / MB:.1f} MB sent")

    return replace(source, sent=sent)
