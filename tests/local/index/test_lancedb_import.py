"""LanceDB is imported without the models of a REST service that it names and we never use."""

import importlib
import sys
from pathlib import Path

import anyio
import pytest

from vectorstores_server.engines.local.index import lancedb_import

USED = """
import asyncio, sys
from pathlib import Path
import numpy as np
from vectorstores_server.engines.local.index import CandidateQuery, Index, Rows

async def run():
    index = Index(Path(sys.argv[1]))
    await index.create("t_1", 8)
    vectors = np.eye(8, dtype=np.float32)
    rows = [Rows(rev, [0], [0], [9], [0], [9], ["a heron stands"], vectors[rev : rev + 1]) for rev in range(8)]
    await index.add("t_1", rows)
    await index.optimize("t_1", force=True)
    await index.delete("t_1", [3])
    await index.purge("t_1")
    found = await index.candidates("t_1", CandidateQuery(vectors[2], "heron", None))
    print(sorted(row.rev for row in found.rows))
    await index.aclose()

asyncio.run(run())
print([name for name in sys.modules if name.startswith("lance_namespace")])
import lance_namespace
print(lance_namespace.LanceNamespace.__mro__[1].__name__ != "Exception")
"""


async def test_tables_are_made_filled_searched_and_optimized_without_them_and_who_needs_them_gets_them(tmp_path: Path):
    done = await anyio.run_process([sys.executable, "-c", USED, str(tmp_path)])
    assert done.stdout.decode().splitlines() == ["[0, 1, 2, 4, 5, 6, 7]", "[]", "True"]


@pytest.mark.parametrize(
    ("body", "stands_in"),
    [
        ("from fat.models import Model\n\ndef f(x: Model) -> None: ...\n", True),
        ("from fat.models import Model\nclass Ours(Model): ...\n", True),
        ("import fat\nLEVEL = fat.LEVEL + 1\n", False),
        ("from fat import models\nmodels.Model.names()\n", False),
        ("from fat.models import *\nModel\n", False),
    ],
)
def test_what_does_more_than_name_them_is_imported_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, *, stands_in: bool
):
    (tmp_path / "fat").mkdir()
    (tmp_path / "fat" / "__init__.py").write_text("LEVEL = 1\nfrom fat import models\n")
    (tmp_path / "fat" / "models.py").write_text("class Model:\n    names = staticmethod(list)\n")
    (tmp_path / "lean.py").write_text(body)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    finders = list(sys.meta_path)
    try:
        lancedb_import.load("lean", ["fat"])
        assert ("fat" in sys.modules) is not stands_in
        assert "lean" in sys.modules
        assert sys.meta_path == finders
        assert importlib.import_module("fat").LEVEL == 1
    finally:
        for name in ("lean", "fat", "fat.models"):
            sys.modules.pop(name, None)
