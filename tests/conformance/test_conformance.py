"""The official suite over /mcp, against the server that we ship with the suite's fixtures beside our tools."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from conformance.contents import add_contents
from conformance.questions import add_questions
from conformance.rounds import add_rounds
from conformance.suite import NEXT, STABLE, NotToBeHad, Suite, installed
from support.serving import House, house
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.engine import LocalEngine

pytestmark = [pytest.mark.process, pytest.mark.slow]

ACTIVE = 30
"""Scenarios of the stable version's active suite."""
REQUIRED = 37
"""Scenarios that the next version requires of a server of 2026-07-28."""
EXPLAINED: dict[str, str] = json.loads(Path(__file__).with_name("explained.json").read_bytes())
"""Scenarios that fail, none of which the specification requires, and why."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    try:
        return installed()
    except NotToBeHad as reason:
        pytest.skip(f"The conformance suite is not to be had: {reason}")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncGenerator[House]:
    engine = LocalEngine(tmp_path / "data", EmbedderChoice(name="none", cache=tmp_path))
    async with house(engine, tmp_path) as served:
        add_contents(served.server)
        add_questions(served.server)
        add_rounds(served.server)
        yield served
    await engine.aclose()


async def test_every_active_scenario_of_2025_passes(suite: Suite, served: House, tmp_path: Path) -> None:
    found = await suite.run(f"{served.url}/mcp", STABLE, ["--spec-version", "2025-11-25"], tmp_path / "results")
    assert {name: failed for name, failed in found.items() if failed} == {}
    assert len(found) == ACTIVE


async def test_what_2026_requires_passes_and_what_fails_is_explained(
    suite: Suite, served: House, tmp_path: Path
) -> None:
    found = await suite.run(f"{served.url}/mcp", NEXT, ["--requirements", "2026-07-28"], tmp_path / "results")
    failed = {name for name, checks in found.items() if checks}
    assert failed == set(EXPLAINED)
    assert len(found) >= REQUIRED + len(EXPLAINED)
