"""docs/api-map.md is true: each of its calls is made, and answers as the client method would."""

import ast
import re
from collections.abc import Callable
from typing import Any

import pytest

from support.checkout import ROOT
from support.clients import Caller

pytestmark = pytest.mark.process

PAGE = ROOT / "docs" / "api-map.md"
METHODS = {
    "vector_stores": ["create", "retrieve", "update", "list", "delete", "search"],
    "vector_stores.files": [
        "create", "create_and_poll", "retrieve", "list", "delete", "content", "poll", "upload",
        "upload_and_poll", "update",
    ],
    "vector_stores.file_batches": [
        "create", "create_and_poll", "retrieve", "list_files", "cancel", "poll", "upload_and_poll",
    ],
}  # fmt: skip
"""The methods of oauth-codex 1.x, which are those of OpenAI's client."""

OBJECTS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "vector_stores.list": lambda answer: answer["object"] == "list" and answer["data"][0]["object"] == "vector_store",
    "vector_stores.delete": lambda answer: answer["object"] == "vector_store.deleted" and answer["deleted"],
    "vector_stores.search": lambda answer: answer["data"][0]["filename"] == "bees.txt",
    "vector_stores.files.list": lambda answer: answer["data"][0]["object"] == "vector_store.file",
    "vector_stores.files.delete": lambda answer: answer["object"] == "vector_store.file.deleted",
    "vector_stores.files.content": lambda answer: "Bees make honey." in answer["text"],
    "vector_stores.file_batches.list_files": lambda answer: answer["data"][0]["object"] == "vector_store.file",
}
KINDS = {
    "vector_stores": "vector_store",
    "vector_stores.files": "vector_store.file",
    "vector_stores.file_batches": "vector_store.files_batch",
}


def rows() -> list[tuple[str, str]]:
    """The method and the call of each row."""
    found = re.findall(r"^\| `(vector_stores[\w.]*)` \| `(.+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    return found


def call_of(row: str, names: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The tool and the arguments of a call as it is written in the table."""
    call = ast.parse(row, mode="eval").body
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)

    class Named(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.Constant(names[node.id])

    return call.func.id, {str(word.arg): ast.literal_eval(Named().visit(word.value)) for word in call.keywords}


def test_every_method_of_the_table_is_on_the_page() -> None:
    assert [method for method, _ in rows()] == [f"{group}.{name}" for group, names in METHODS.items() for name in names]


async def test_every_call_on_the_page_does_what_the_method_does(caller: Caller, subtests: pytest.Subtests) -> None:
    caller.write("tea.txt", "Tea is steamed.")
    for method, row in rows():
        group = method.rpartition(".")[0]
        with subtests.test(method):
            store = await caller.store(name="Notes")
            file_id = await caller.add(store, "Bees make honey.", "bees.txt")
            batch = await caller.call("batch_attach", vector_store_id=store, file_ids=[file_id], wait_seconds=50)
            names = {"S": store, "F": file_id, "B": batch["id"], "FOLDER": str(caller.folder)}
            tool, arguments = call_of(row, names)
            answer = await caller.call(tool, **arguments)
            assert OBJECTS.get(method, lambda answer, kind=KINDS[group]: answer["object"] == kind)(answer)
            assert "poll" not in method or answer["status"] == "completed"


async def test_the_parameters_and_fields_of_listing_files_are_llama_stacks(caller: Caller) -> None:
    store = await caller.store()
    sizes = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 20}}
    for n in range(3):
        await caller.add(store, f"Words {n}.", f"{n}.txt", attributes={"n": n}, chunking_strategy=sizes)
    await caller.call("upload_file", text=" ", filename="blank.txt", vector_store_id=store, wait_seconds=50)
    whole = await caller.call("list", vector_store_id=store)
    ids = [item["id"] for item in whole["data"]]
    assert (whole["object"], whole["first_id"], whole["last_id"], whole["has_more"]) == ("list", ids[0], ids[-1], False)
    done = (await caller.call("list", vector_store_id=store, filter="completed", order="asc", limit=2))["data"]
    assert [item["id"] for item in done] == [i for i in ids[::-1] if i in {d["id"] for d in done}]
    assert all(
        item["attributes"]["n"] in (0, 1, 2)
        and item["chunking_strategy"] == sizes
        and item["usage_bytes"] > 0
        and item["vector_store_id"] == store
        for item in done
    )
    (failed,) = (await caller.call("list", vector_store_id=store, filter="failed"))["data"]
    assert set(failed["last_error"]) == {"code", "message"}
    after = await caller.call("list", vector_store_id=store, after=ids[1])
    before = await caller.call("list", vector_store_id=store, before=ids[2])
    assert [item["id"] for item in after["data"]] == ids[2:]
    assert [item["id"] for item in before["data"]] == ids[:2]
    for arguments in ({"limit": -1}, {"limit": 101}, {"order": "up"}, {"filter": "done"}):
        await caller.refused("list", vector_store_id=store, **arguments)


async def test_the_parameters_and_fields_of_listing_stores_are_yandexs(caller: Caller) -> None:
    days = {"anchor": "last_active_at", "days": 7}
    made = await caller.call("create_store", name="Notes", metadata={"team": "a"}, expires_after=days)
    await caller.store(name="Other")
    page = await caller.call("list", of="stores", limit=100, order="asc")
    store = next(item for item in page["data"] if item["id"] == made["id"])
    assert (store["name"], store["metadata"], store["expires_after"]) == ("Notes", {"team": "a"}, days)
    assert store["expires_at"] == store["last_active_at"] + 7 * 86_400
    assert store["file_counts"] == {"in_progress": 0, "completed": 0, "failed": 0, "cancelled": 0, "total": 0}
    assert (store["status"], store["usage_bytes"]) == ("completed", 0)
    assert {key for key in made if key not in ("next", "notes")} >= {
        "id", "object", "created_at", "name", "usage_bytes", "file_counts", "status", "expires_after", "expires_at",
        "last_active_at", "metadata",
    }  # fmt: skip
    ids = [item["id"] for item in page["data"]]
    assert [i["id"] for i in (await caller.call("list", order="asc", after=ids[0]))["data"]] == ids[1:]
    assert [i["id"] for i in (await caller.call("list", order="asc", before=ids[1]))["data"]] == ids[:1]
