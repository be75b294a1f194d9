"""Waiting times of a process's worker: for more work, and before failed work is tried again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The seconds that a worker waits."""

    attempt: float = 1.0
    """Between two attempts to take the lock."""
    look: float = 0.25
    """Between two looks for new work, with the lock."""
    quiet: float = 2.0
    """Without work, until the lock is let go."""
    sweep: float = 5.0
    """Between two looks for something to sweep while a long batch goes in."""
    disk: float = 600.0
    """Between two looks at the disk. Rows, text and bytes of what was deleted are gone from it after at most an hour
    and two looks; two hours are promised."""
    pause: float = 10.0
    """After a full disk, or an index that cannot be written."""
    retry: float = 60.0
    """Before a failure that is not of a user's file is tried again: an embedder, a sweep, a rebuild."""
    purge: float = 30.0
    """For another process to let go of the lock, when something is to be done alone."""
