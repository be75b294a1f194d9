"""What still stands in a data directory of a file that was deleted."""

from collections.abc import Iterator
from pathlib import Path

WORDS = ("Xylophonist", "xylophonist", "Quetzalcoatl", "quetzalcoatl", "brzeczyszczykiewicz", "classified-dossier")


def traces(directory: Path) -> Iterator[str]:
    """Where under the data directory a word of what was deleted still stands."""
    for path in directory.rglob("*"):
        if path.is_file() and path.name != "worker.lock":
            data = path.read_bytes()
            yield from (f"{word} in {path.relative_to(directory)}" for word in WORDS if word.encode() in data)
