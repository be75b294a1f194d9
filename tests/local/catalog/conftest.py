from collections.abc import Generator

import pytest

from support.memory_catalog import opened_by
from support.postgres import RolledBack, catalog_tables


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def dialect(request: pytest.FixtureRequest) -> Generator[None]:
    """Each database that the catalog's functions run in, one after the other."""
    if request.param == "sqlite":
        yield
        return
    with catalog_tables() as tables, opened_by(lambda: RolledBack(tables)):
        yield
