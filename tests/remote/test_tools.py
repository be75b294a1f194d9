"""What the tools say where a service cannot do a thing: the fact, and what to do instead."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from support.clients import Caller, connected
from support.doubles import Asked, Ours, Reply
from support.remotes import over


@asynccontextmanager
async def calling(service: str, folder: Path) -> AsyncGenerator[Caller]:
    async with over(service, folder) as (engine, _), connected(engine, "auto", folder / "files") as caller:
        yield caller


async def test_what_ogx_drops_in_silence_is_refused_with_a_way_out(tmp_path: Path, subtests: pytest.Subtests) -> None:
    days = {"anchor": "last_active_at", "days": 3}
    async with calling("ogx", tmp_path) as caller:
        store = await caller.store(name="Notes")
        for tool, arguments, param, instead in (
            ("create_store", {"description": "of mine"}, "description", "put it into metadata."),
            ("create_store", {"expires_after": days}, "expires_after", "delete the store when it is done."),
            ("update", {"vector_store_id": store, "expires_after": days}, "expires_after", "delete the store"),
            ("update", {"vector_store_id": store, "clear": ["name"]}, "name", "give it a new value instead."),
            ("update", {"vector_store_id": store, "clear": ["metadata"]}, "metadata", "give it a new value instead."),
        ):
            with subtests.test(f"{tool} {param}"):
                error = await caller.refused(tool, **arguments)
                assert (error["code"], error["param"]) == ("not_supported", param)
                assert error["next"].startswith(instead)
        assert [one["name"] for one in (await caller.call("list"))["data"]] == ["Notes"]


async def test_a_batch_that_cannot_be_cancelled_says_what_can_be_done(tmp_path: Path) -> None:
    async with calling("yandex", tmp_path) as caller:
        store = await caller.store()
        files = [(await caller.call("upload_file", text="Bees. " * 900, filename=f"{n}.txt"))["id"] for n in range(9)]
        batch = await caller.call("batch_attach", vector_store_id=store, file_ids=files, wait_seconds=0)
        error = await caller.refused("cancel_batch", vector_store_id=store, batch_id=batch["id"])
        assert error["next"] == "delete its files from the store."


class Leaving(Ours):
    """Goes away once it has made a batch."""

    gone = False

    async def answer(self, asked: Asked) -> Reply:
        if self.gone:
            raise httpx.ReadTimeout("gone", request=httpx.Request(asked.method, "http://127.0.0.1/v1"))
        self.gone = asked.method == "POST" and asked.path.endswith("/file_batches")
        return await super().answer(asked)


async def test_a_service_that_goes_away_while_a_batch_is_waited_for_leaves_the_call_that_goes_on(
    tmp_path: Path,
) -> None:
    async with over("forwarded", tmp_path, Leaving) as (engine, double):
        assert isinstance(double, Leaving)
        async with connected(engine, "auto", tmp_path / "files") as caller:
            store = await caller.store()
            caller.write("bees.md", "# Bees\n\nBees make honey.")
            error = await caller.refused(
                "batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=30
            )
            double.gone = False
            going_on = re.search(
                r"stays there: retrieve\(vector_store_id='(vs_\w+)', batch_id='(\w+)'\)", error["next"]
            )
            assert going_on
            batch = await caller.call("retrieve", vector_store_id=going_on[1], batch_id=going_on[2], wait_seconds=30)
            assert batch["file_counts"]["completed"] == 1


async def test_pages_are_not_guessed(tmp_path: Path) -> None:
    async with calling("azure", tmp_path) as caller:
        store = await caller.store()
        file = await caller.add(store, "Bees make honey.")
        error = await caller.refused("read", file_id=file, vector_store_id=store, page=1)
        assert error["next"] == "use start and end, in characters."
        (hit,) = (await caller.call("search", query="honey"))["data"]
        assert not {"page", "lines", "chars", "heading_path"} & hit.keys()
        assert "Bees make honey." in hit["text"]


async def test_a_store_is_used_from_beginning_to_end_over_every_service(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for service in ("azure", "ogx", "llama_stack", "yandex", "litellm"):
        with subtests.test(service):
            async with calling(service, tmp_path / service) as caller:
                store = await caller.store(name="Notes")
                caller.write("bees.md", "# Bees\n\nBees make honey.")
                caller.write("cats.md", "# Cats\n\nCats purr.")
                paths = {"vector_store_id": store, "paths": [str(caller.folder)], "wait_seconds": 30}
                batch = await caller.call("batch_attach", **paths)
                assert (batch["status"], batch["file_counts"]["completed"]) == ("completed", 2)
                (hit, *_) = (await caller.call("search", query="honey"))["data"]
                assert hit["filename"] == "bees.md"
                read = await caller.call("read", uri=hit["uri"])
                assert "Bees make honey." in read["text"]
                changed = await caller.call(
                    "update", vector_store_id=store, file_id=hit["file_id"], attributes={"topic": "insects"}
                )
                assert changed["attributes"] == {"topic": "insects"}
                assert (await caller.call("batch_attach", **paths))["unchanged"] == 2
                await caller.call("delete", what="file_from_store", vector_store_id=store, file_id=hit["file_id"])
                assert (await caller.call("search", query="honey"))["data"] == []
                await caller.call("delete", what="store", vector_store_id=store, confirm=True)
                assert (await caller.call("list"))["data"] == []
