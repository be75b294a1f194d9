"""Keys that OpenAI's objects do not have: typed where an engine says them, absent where it means something else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from vectorstores_server.bounds.engine import BoundedEngine
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.models import FileBatch, VectorStore, VectorStoreFile

EXTRA: list[tuple[type[BaseModel], str]] = [
    (kind, name)
    for kind in (VectorStore, VectorStoreFile, FileBatch)
    for name, field in kind.model_fields.items()
    if field.exclude_if is not None
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def test_there_are_such_keys() -> None:
    assert {name for _, name in EXTRA} >= {"notes", "filename", "progress"}


@pytest.mark.parametrize(("kind", "name"), EXTRA)
def test_a_key_that_an_engine_does_not_say_is_in_no_answer(kind: type[BaseModel], name: str) -> None:
    assert name not in kind.model_validate({"id": "x"}).model_dump()


@pytest.mark.parametrize(("kind", "name"), EXTRA)
@given(value=json_values)
def test_a_remote_may_keep_anything_under_it(kind: type[BaseModel], name: str, value: Any) -> None:
    read = kind.model_validate({"id": "x", name: value})
    assert kind.model_validate(read.model_dump()) == read


async def test_an_engine_that_keeps_its_data_has_its_upkeep_and_a_remote_has_none(engine: Engine) -> None:
    maintenance = engine.maintenance
    if isinstance(engine, BoundedEngine):
        assert maintenance is None, "upkeep is the operator's"
        return
    assert (maintenance is None) is engine.capabilities.remote
    if not engine.capabilities.remote:
        assert maintenance is not None
        assert await maintenance.rebuilding() == 0
