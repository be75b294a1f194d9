"""A value that says nothing is absent: every optional member of every request, at every depth, at both doors."""

from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, TypeAlias, cast

import httpx
import pytest
from pydantic import BaseModel, ValidationError

from support.clients import Caller
from support.v1_client import said
from vectorstores_server.http.v1.file_batches import BatchBody
from vectorstores_server.http.v1.schema_base import without_nulls
from vectorstores_server.http.v1.search import SearchBody
from vectorstores_server.http.v1.store_files import AttributesBody
from vectorstores_server.http.v1.uploads import CompleteBody, UploadBody
from vectorstores_tools.arguments import inputs, schemas
from vectorstores_tools.arguments.parsing import parse_arguments
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.requests import FileAttach, StoreCreate, StoreUpdate
from vectorstores_tools.toolset import TOOLS

CHUNKS = {"type": "static", "static": {"max_chunk_size_tokens": 300, "chunk_overlap_tokens": 0}}
DAYS = {"anchor": "last_active_at", "days": 3}
SECONDS = {"anchor": "created_at", "seconds": 3_600}
FILTER = {"type": "eq", "key": "team", "value": "red"}
FILES = [{"file_id": "file-1", "attributes": {"team": "red"}, "chunking_strategy": CHUNKS}]
TOOL_CALLS: dict[type[BaseModel], dict[str, Any]] = {
    inputs.CreateStore: {
        "name": "a", "description": "b", "metadata": {"c": "d"}, "file_ids": ["file-1"], "expires_after": DAYS,
        "chunking_strategy": CHUNKS,
    },
    inputs.UploadFile: {
        "path": "/a", "text": "b", "url": "c", "file_id": "file-1", "filename": "d", "purpose": "vision",
        "vector_store_id": "vs_1", "attributes": {"team": "red"}, "chunking_strategy": CHUNKS, "wait_seconds": 3,
    },
    inputs.BatchAttach: {
        "vector_store_id": "vs_1", "file_ids": ["file-1"], "files": FILES, "paths": ["/a"],
        "attributes": {"team": "red"}, "chunking_strategy": CHUNKS, "wait_seconds": 3, "mirror": "on", "confirm": True,
    },
    inputs.Search: {
        "query": ["a"], "vector_store_id": ["vs_1"], "filters": FILTER, "max_num_results": 3,
        "ranking_options": {"ranker": "none", "score_threshold": 0.5}, "response_format": "detailed",
        "max_tokens": 500,
    },
    inputs.List: {
        "of": "files", "vector_store_id": "vs_1", "batch_id": "vsfb_1", "limit": 3, "order": "asc", "after": "a",
        "before": "b", "filter": "failed", "filters": FILTER,
    },
    inputs.Retrieve: {"vector_store_id": "vs_1", "file_id": "file-1", "batch_id": "vsfb_1", "wait_seconds": 3},
    inputs.Read: {
        "uri": "a", "file_id": "file-1", "vector_store_id": "vs_1", "start": 3, "end": 9, "page": 2, "as": "image",
        "max_tokens": 500,
    },
    inputs.Update: {
        "vector_store_id": "vs_1", "file_id": "file-1", "name": "a", "metadata": {"c": "d"}, "expires_after": DAYS,
        "attributes": {"team": "red"}, "clear": ["name"],
    },
    inputs.Delete: {"what": "store", "vector_store_id": "vs_1", "file_id": "file-1", "confirm": True},
    inputs.CancelBatch: {"vector_store_id": "vs_1", "batch_id": "vsfb_1"},
}  # fmt: skip
BODIES: dict[type[BaseModel], dict[str, Any]] = {
    StoreCreate: TOOL_CALLS[inputs.CreateStore],
    FileAttach: FILES[0],
    BatchBody: {
        "file_ids": ["file-1"], "files": FILES, "attributes": {"team": "red"}, "chunking_strategy": CHUNKS,
    },
    SearchBody: {
        "query": "a", "filters": FILTER, "max_num_results": 3, "rewrite_query": True,
        "ranking_options": {
            "ranker": "none", "score_threshold": 0.5, "hybrid_search": {"embedding_weight": 1.0, "text_weight": 1.0},
        },
    },
    UploadBody: {
        "filename": "a", "purpose": "vision", "bytes": 3, "mime_type": "text/plain", "expires_after": SECONDS,
    },
    CompleteBody: {"part_ids": ["part_1"], "md5": "a"},
}  # fmt: skip
Path: TypeAlias = tuple[str | int, ...]
FREE = ("metadata", "attributes")
"""Maps whose keys are the caller's own."""


def nothings(value: Any) -> list[Any]:
    """What a client sends in the place of a value that it has none of."""
    if isinstance(value, list):
        return [None, "", [], [None], [""], "[]"]
    if isinstance(value, dict):
        names = cast("dict[str, Any]", value)
        return [None, "", {}, dict.fromkeys(names), "{}", {name: nothings(item)[-1] for name, item in names.items()}]
    return [None, ""]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every member of every object inside a value."""
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield (*path, name)
            if name not in FREE:
                yield from places(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(cast("list[Any]", value)):
            yield from places(item, (*path, number))


def changed(value: Any, path: Path, *new: Any) -> Any:
    """The value with another one at a place, or with none."""
    assert path
    here, rest = path[0], path[1:]
    changing: Any = copy(value)
    if rest:
        changing[here] = changed(changing[here], rest, *new)
    elif new:
        changing[here] = new[0]
    else:
        del changing[here]
    return changing


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def is_optional(model: type[BaseModel], path: Path) -> bool:
    """Whether a call may do without a member; where one inside an object is needed, both ways are the same error."""
    named = {field.alias or name: field for name, field in model.model_fields.items()}
    return len(path) > 1 or not named[str(next(iter(path)))].is_required()


def called(model: type[BaseModel], given: Mapping[str, Any]) -> object:
    """What a tool makes of its arguments; an error is an outcome too."""
    try:
        return parse_arguments(model, schemas.input_schema(model), given)
    except VectorStoreError as error:
        return type(error)


def posted(model: type[BaseModel], given: Mapping[str, Any], clears: tuple[str, ...] = ()) -> object:
    try:
        return model.model_validate(without_nulls(model, given, clears), strict=True)
    except ValidationError:
        return ValidationError


def test_the_samples_have_every_member_of_every_request() -> None:
    assert {spec.arguments for spec in TOOLS} == TOOL_CALLS.keys()
    for model, sample in (TOOL_CALLS | BODIES).items():
        assert {field.alias or name for name, field in model.model_fields.items()} == sample.keys()


@pytest.mark.parametrize("model", TOOL_CALLS, ids=lambda model: model.__name__)
def test_a_tool_takes_nothing_for_absent(model: type[BaseModel]) -> None:
    sample = TOOL_CALLS[model]
    assert isinstance(called(model, sample), model)
    paths = [path for path in places(sample) if is_optional(model, path) and (path[0] != "filters" or len(path) == 1)]
    assert paths or model is inputs.CancelBatch, "which needs both of its ids"
    for path in paths:
        absent = called(model, changed(sample, path))
        others = nothings(at(sample, path))
        for nothing in (None, *(others if len(path) == 1 else others[:1])):
            assert called(model, changed(sample, path, nothing)) == absent, (path, nothing)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (inputs.Search, {"query": "x", "max_num_results": 0, "max_tokens": 0, "filters": {"type": "", "key": ""}}),
        (inputs.Search, {"query": "x", "ranking_options": {"ranker": "", "score_threshold": 0}}),
        (inputs.List, {"limit": 0, "of": "", "order": "", "filter": ""}),
        (inputs.Read, {"page": 0, "end": 0, "max_tokens": 0}),
        (inputs.CreateStore, {"expires_after": {"anchor": "last_active_at", "days": 0}}),
        (inputs.CreateStore, {"expires_after": {"anchor": "", "days": 0}}),
        (
            inputs.CreateStore,
            {"chunking_strategy": {"type": "", "static": {"max_chunk_size_tokens": 0, "chunk_overlap_tokens": 0}}},
        ),
        (inputs.UploadFile, {"attributes": {"a": None}, "chunking_strategy": {"type": ""}}),
    ],
)
def test_zero_outside_its_range_and_objects_of_nothing_are_absent(model: type[BaseModel], arguments: Any) -> None:
    required = {name: value for name, value in arguments.items() if is_optional(model, (name,)) is False}
    assert called(model, arguments) == called(model, required)


def test_zero_inside_its_range_and_values_of_the_callers_own_keys_stay() -> None:
    upload = called(inputs.UploadFile, {"wait_seconds": 0, "attributes": {"a": "", "b": 0, "c": False, "d": None}})
    assert isinstance(upload, inputs.UploadFile)
    assert upload.wait_seconds == 0
    assert upload.attributes == {"a": "", "b": 0, "c": False}


@pytest.mark.parametrize("model", BODIES, ids=lambda model: model.__name__)
def test_null_is_absent_in_a_body_of_v1(model: type[BaseModel]) -> None:
    sample = BODIES[model]
    if model is not BatchBody:
        assert isinstance(posted(model, sample), model)
    paths = [path for path in places(sample) if is_optional(model, path) and path[0] != "filters"]
    assert paths
    for path in paths:
        absent = posted(model, changed(sample, path))
        assert posted(model, changed(sample, path, None)) == absent, path


def test_null_empties_where_v1_says_so() -> None:
    names = tuple(StoreUpdate.model_fields)
    update = posted(StoreUpdate, {"name": None, "expires_after": None, "metadata": {"a": None}}, names)
    assert isinstance(update, StoreUpdate)
    assert update.model_dump(exclude_unset=True) == {"name": None, "expires_after": None, "metadata": {}}
    assert posted(AttributesBody, {"attributes": None}) == AttributesBody(attributes=None)


async def test_what_litellm_and_crewai_send_is_taken(api: httpx.AsyncClient) -> None:
    litellm = {"name": "a", "file_ids": None, "expires_after": None, "chunking_strategy": None, "metadata": None}
    store = (await api.post("/v1/vector_stores", json=litellm)).json()
    where = f"/v1/vector_stores/{store['id']}/search"
    nulls = {"query": "x", "filters": None, "max_num_results": None, "ranking_options": None, "rewrite_query": None}
    assert (await api.post(where, json=nulls)).status_code == 200
    crewai = {"type": "and", "key": None, "filters": [FILTER | {"filters": None}]}
    assert (await api.post(where, json={"query": "x", "filters": crewai})).status_code == 200
    assert said(await api.post(where, json={"query": None}))[2] == "query"


async def test_calls_with_every_parameter_filled_do_their_work(caller: Caller) -> None:
    store = await caller.store(name="a", metadata={"kept": "yes"})
    assert (await caller.call("retrieve", vector_store_id=store, file_id="", batch_id=""))["id"] == store
    found = await caller.call("search", query="x", vector_store_id=store, filters={}, max_num_results=0)
    assert found["data"] == []
    text = await caller.call("upload_file", path="", text="hello", url="", file_id="", filename="h.txt")
    path = caller.write("p.txt", "Bees make honey.")
    by_path = await caller.call("upload_file", path=path, text="", url="", file_id="", filename="")
    assert (text["filename"], by_path["filename"]) == ("h.txt", "p.txt")
    batch = await caller.call("batch_attach", vector_store_id=store, file_ids=[], files=[], paths=[path])
    assert batch["file_counts"]["total"] == 1
    renamed = await caller.call(
        "update", vector_store_id=store, name="b", metadata={}, attributes={},
        expires_after={"anchor": "", "days": 0}, clear=[],
    )  # fmt: skip
    assert (renamed["name"], renamed["metadata"]) == ("b", {"kept": "yes"})


@pytest.mark.parametrize(
    "filters",
    [
        {"type": "in", "key": "team", "value": '["red"]'},
        '{"type": "in", "key": "team", "value": "[\\"red\\", 1]"}',
        {"type": "eq", "key": "team", "value": "red", "filters": []},
        {"type": "and", "key": "", "value": "", "filters": [FILTER, {"type": "eq", "key": "", "value": ""}]},
        {"type": "or", "filters": '[{"type": "eq", "key": "team", "value": "red"}]'},
        {"type": "and", "filters": ['{"type": "eq", "key": "team", "value": "red"}']},
        {"type": "eq", "key": "", "value": "", "filters": []},
    ],
)
async def test_a_filter_means_what_its_author_meant(caller: Caller, filters: Any) -> None:
    store = await caller.store()
    await caller.add(store, "Bees make honey.", attributes={"team": "red"})
    assert len((await caller.call("search", query="honey", filters=filters))["data"]) == 1
