"""The rows of a log, held against what a terminal may show."""

import re

from support.hostile import faults

ENTRY = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ [\w.]+: ")


def check_log(text: str) -> None:
    assert clean_rows(text) == []


def clean_rows(text: str) -> list[str]:
    """The rows of a log that are neither an entry nor set in below one, or hold what nobody sees."""
    return [
        row
        for row in text.splitlines()
        if not (ENTRY.match(row) or row.startswith("  ") or not row) or list(faults(row))
    ]
