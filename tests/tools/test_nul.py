"""U+0000, which one engine could keep and another not: refused in all that is kept beside the content of files."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError

from support.clients import Caller
from vectorstores_tools.contract.engine import NewFile, NewUpload
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import FileAttach, StoreCreate, StoreUpdate

KEPT: list[tuple[str, dict[str, Any]]] = [
    ("create_store", {"name": "a\0b"}),
    ("create_store", {"description": "a\0b"}),
    ("create_store", {"metadata": {"a\0": "b"}}),
    ("create_store", {"metadata": {"a": "\0"}}),
    ("update", {"vector_store_id": "vs_1", "name": "\0"}),
    ("upload_file", {"filename": "a\0.txt", "text": "words"}),
    ("batch_attach", {"vector_store_id": "vs_1", "files": [{"file_id": "file-1", "attributes": {"a": "\0"}}]}),
    ("batch_attach", {"vector_store_id": "vs_1", "files": [{"file_id": "file-1", "attributes": {"\0": 1}}]}),
]


async def nothing() -> AsyncIterator[bytes]:
    yield b""


@pytest.mark.parametrize("shape", [StoreCreate, StoreUpdate])
def test_no_request_holds_it(shape: type[StoreCreate | StoreUpdate]) -> None:
    for given in ({"name": "\0"}, {"metadata": {"a": "\0"}}, {"metadata": {"\0": "a"}}):
        with pytest.raises(ValidationError, match=r"U\+0000"):
            shape.model_validate(given)


def test_no_attribute_and_no_name_of_a_file_holds_it() -> None:
    with pytest.raises(ValidationError, match=r"U\+0000"):
        FileAttach.model_validate({"file_id": "file-1", "attributes": {"a": "\0"}})
    for make in (lambda: NewFile("\0", nothing()), lambda: NewUpload("a\0", "assistants", 1, "text/plain")):
        with pytest.raises(InvalidRequest, match=r"U\+0000"):
            make()


@pytest.mark.parametrize(("tool", "arguments"), KEPT)
async def test_every_tool_refuses_it_with_one_sentence(caller: Caller, tool: str, arguments: dict[str, Any]) -> None:
    error = await caller.refused(tool, **arguments)
    assert "U+0000 is in it" in str(error)
