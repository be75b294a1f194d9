"""A folder to walk, and the names that were found in it."""

from pathlib import Path

import pytest

from vectorstores_tools.contract.intake import Survey


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def names(survey: Survey, root: Path) -> list[str]:
    return [str(Path(origin).relative_to(root)) for origin in survey.origins]
