"""Where the checkout is, and the pages that people read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


TESTS = ROOT / "tests"

README = (ROOT / "README.md").read_text(encoding="utf-8")


PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
