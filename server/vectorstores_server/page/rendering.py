"""HTML from facts: every value is cleaned and escaped on its way into a template, by rule and not by habit."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vectorstores_server.page.assets import asset, drawing
from vectorstores_tools.contract.characters import clean, line

FOLDER = Path(__file__).parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types page"
)
"""No inline script or style, nothing from another host, in no frame; scripts make HTML in one place alone."""
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEPS = ((60, "minute", 60), (3_600, "hour", 24), (86_400, "day", 14))


def environment() -> Environment:
    """Return the templates."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_cleaned,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset
    made.globals["drawing"] = drawing
    made.filters.update(line=line, size=size, number=number, when=when, day=day, score=score)
    return made


def _cleaned(value: Any) -> Any:
    """Clean each text before it is escaped; the output of a template is clean already."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def size(count: int) -> str:
    """Return a number of bytes as people say it: 3.2 MB."""
    value, unit = float(count), _UNITS[0]
    for larger in _UNITS[1:]:
        if value < 1_000:
            break
        value, unit = value / 1_000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def number(count: int) -> str:
    """Return a count with its thousands apart."""
    return f"{count:,}"


def when(moment: int, now: float | None = None) -> str:
    """Return how long ago, or in how long, a Unix time is."""
    seconds = moment - (time.time() if now is None else now)
    past = seconds <= 0
    seconds = abs(seconds)
    if seconds < 60:
        return "just now" if past else "in a minute"
    for step, unit, most in _STEPS:
        count = int(seconds // step)
        if count < most:
            said_count = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{said_count} ago" if past else f"in {said_count}"
    return day(moment)


def day(moment: int) -> str:
    """Return the date of a Unix time, in UTC."""
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(moment))
    except (ValueError, OverflowError, OSError):
        return "unknown"


def score(value: float) -> str:
    """Return a score with two places."""
    return f"{value:.2f}"
