"""What the worker of this process has done since it began."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Files that went live with their passages, and files that failed."""

    files: int = 0
    passages: int = 0
    failed: int = 0
