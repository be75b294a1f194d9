"""Waiting times of a process's worker: for more work, and before failed work is tried again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Waiting times of a worker, in seconds."""

    attempt: float = 1.0
    """The time between two attempts to take the lock."""
    idle: float = 10.0
    """The time between two looks for work while nobody has committed anything: some work comes with time alone."""
    look: float = 0.25
    """The time between two looks for new work, with the lock."""
    quiet: float = 2.0
    """The time without work after which the lock is released."""
    sweep: float = 5.0
    """The time between two looks for something to sweep while a long batch goes in."""
    disk: float = 600.0
    """The time between two looks at the disk. Rows, text and bytes of deleted files are gone from it after at most an
    hour and two looks; two hours are promised."""
    pause: float = 10.0
    """The pause after a full disk, or an index that cannot be written."""
    retry: float = 60.0
    """The pause before a failure that is not of a user's file is tried again: an embedder, a sweep, a rebuild."""
    purge: float = 30.0
    """The most time for another process to release the lock, when something is to be done alone."""
