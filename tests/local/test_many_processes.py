from pathlib import Path

import pytest

from support.many import begin, problems, work_together

pytestmark = pytest.mark.process

SECONDS = 10


@pytest.mark.slow
async def test_four_processes_lose_nothing_and_every_search_sees_one_version_of_a_changing_file(tmp_path: Path):
    id = await begin(tmp_path)
    report = await work_together(tmp_path, id, SECONDS)
    assert await problems(tmp_path, id, report) == []
    assert len(report.added) >= 12
    assert report.versions >= 4
    assert report.searches >= 20
