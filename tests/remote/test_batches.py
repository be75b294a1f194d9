"""Batches for services without them: attached one by one, under an id of ours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from support.clients import connected, text_of
from support.doubles import Asked, Azure, LiteLLM, Reply
from support.engine_calls import NOISE, file_ids, finished, new_store, upload
from support.remotes import forwarded_to, over
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import BadCursor, BatchNotFound
from vectorstores_tools.contract.requests import FileAttach, StoreFilesRequest


async def test_a_batch_of_ours_says_so_and_what_to_do_instead(tmp_path: Path) -> None:
    async with over("litellm", tmp_path) as (engine, _), connected(engine, "auto", tmp_path / "files") as caller:
        store = await caller.store()
        caller.write("a.md", "# A\n\nBees make honey.")
        caller.write("b.md", "# B\n\nCats purr.")
        result = await caller.result("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=30)
        batch = result.structured_content
        assert batch is not None
        assert batch["id"].startswith("local_")
        assert (batch["status"], batch["file_counts"]["completed"]) == ("completed", 2)
        for said in (" ".join(batch["notes"]), text_of(result)):
            assert "one by one" in said
            assert "list(vector_store_id=...)" in said
        again = await caller.call("batch_attach", vector_store_id=store, paths=[str(caller.folder)], wait_seconds=0)
        assert (again["id"], again["uploaded"], again["unchanged"]) == (batch["id"], 0, 2)
        assert "one by one" in " ".join(again["notes"])
        async with forwarded_to("litellm", engine) as (other, _):
            with pytest.raises(BatchNotFound):
                await other.retrieve_batch(store, batch["id"])


class Slow(LiteLLM):
    """Holds back what is to be attached until it is told to go on."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine)
        self.waiting = 0
        self.full = anyio.Event()
        self.go_on = anyio.Event()

    async def answer(self, asked: Asked) -> Reply:
        if asked.method == "POST" and asked.path.endswith("/files") and "vector_stores" in asked.path:
            self.waiting += 1
            if self.waiting == 4:
                self.full.set()
            await self.go_on.wait()
        return await super().answer(asked)


async def test_a_batch_of_ours_sends_four_at_a_time_and_shows_what_is_to_come(tmp_path: Path) -> None:
    async with over("litellm", tmp_path, Slow) as (engine, double):
        assert isinstance(double, Slow)
        store = await new_store(engine)
        files = [await upload(engine, f"walrus {n}") for n in range(9)]
        batch = await engine.create_batch(store, [FileAttach(file_id=file) for file in files])
        await double.full.wait()
        assert double.waiting == 4
        assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 9)
        assert (await engine.retrieve_store_file(store, files[8])).status == "in_progress"
        assert await file_ids(engine, store) == []
        listed = await engine.list_batch_files(store, batch.id, StoreFilesRequest(limit=5, filter="in_progress"))
        rest = await engine.list_batch_files(store, batch.id, StoreFilesRequest(after=listed.last_id))
        back = await engine.list_batch_files(store, batch.id, StoreFilesRequest(limit=2, before=rest.first_id))
        assert (len(listed.data), listed.has_more, len(rest.data), rest.has_more) == (5, True, 4, False)
        assert [file.id for file in back.data] == [file.id for file in listed.data[3:]]
        with pytest.raises(BadCursor):
            await engine.list_batch_files(store, batch.id, StoreFilesRequest(after="file-0"))
        double.go_on.set()
        assert (await finished(engine, store, batch.id)).file_counts.completed == 9


async def test_a_cancelled_batch_of_ours_sends_nothing_more(tmp_path: Path) -> None:
    async with over("litellm", tmp_path, Slow) as (engine, double):
        assert isinstance(double, Slow)
        store = await new_store(engine)
        files = [await upload(engine, f"walrus {n} " * 400) for n in range(9)]
        batch = await engine.create_batch(store, [FileAttach(file_id=file) for file in files])
        await double.full.wait()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.cancel_batch, store, batch.id)
            await anyio.lowlevel.checkpoint()
            double.go_on.set()
        done = await engine.retrieve_batch(store, batch.id)
        assert done.status == "cancelled"
        assert done.file_counts.completed + done.file_counts.cancelled == 9
        assert double.waiting == 4
        assert len(await file_ids(engine, store)) == done.file_counts.completed


async def test_a_file_that_a_batch_of_ours_cannot_attach_fails_alone(tmp_path: Path) -> None:
    async with over("litellm", tmp_path) as (engine, double):
        store = await new_store(engine)
        files = [await upload(engine, f"walrus {n}") for n in range(2)]

        class Refusing:
            async def __call__(self, asked: Asked) -> Reply:
                if asked.method == "POST" and asked.json.get("file_id") == files[0]:
                    return Reply(400, {"detail": "not this one"})
                return await LiteLLM.answer(double, asked)  # pyright: ignore[reportArgumentType]  # it is one

        double.answer = Refusing()
        batch = await finished(
            engine, store, (await engine.create_batch(store, [FileAttach(file_id=file) for file in files])).id
        )
        assert (batch.status, batch.file_counts.failed, batch.file_counts.completed) == ("completed", 1, 1)
        (failed,) = (await engine.list_batch_files(store, batch.id, StoreFilesRequest(filter="failed"))).data
        assert failed.last_error is not None
        assert "not this one" in failed.last_error.message


@pytest.mark.parametrize("service", ["azure", "litellm"])
async def test_failures_are_told_with_the_names_that_files_were_uploaded_with(service: str, tmp_path: Path) -> None:
    async with over(service, tmp_path) as (engine, double):
        store, batch = await failed_batch(engine)
        double.asked.clear()
        assert await failed_names(engine, store, batch) == {"0.txt", "1.txt", "2.txt"}
        assert not [asked for asked in double.asked if asked.path.startswith("files/")]


async def test_names_of_failures_that_others_uploaded_are_asked_for_once(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, double), forwarded_to("azure", double.engine) as (other, asked):
        store, batch = await failed_batch(engine)
        for _ in range(2):
            assert await failed_names(other, store, batch) == {"0.txt", "1.txt", "2.txt"}
        assert len([one for one in asked.asked if one.path.startswith("files/")]) == 3


async def failed_batch(engine: Engine) -> tuple[str, str]:
    store = await new_store(engine)
    files = [await upload(engine, NOISE, f"{n}.txt") for n in range(3)]
    batch = await engine.create_batch(store, [FileAttach(file_id=file) for file in files])
    assert (await finished(engine, store, batch.id)).file_counts.failed == 3
    return store, batch.id


async def failed_names(engine: Engine, store: str, batch: str) -> set[str]:
    listed = await engine.list_batch_files(store, batch, StoreFilesRequest(filter="failed", order="asc"))
    return {file.filename or "" for file in listed.data}


class Leisurely(Azure):
    """Wants to be asked once a minute."""

    async def answer(self, asked: Asked) -> Reply:
        return replace(await super().answer(asked), headers={"openai-poll-after-ms": "60000"})


async def test_a_batch_is_not_looked_at_just_after_it_was_made_but_after_any_change(tmp_path: Path) -> None:
    async with over("azure", tmp_path, Leisurely) as (engine, double):
        store = await new_store(engine)
        file = await upload(engine, "walrus")
        batch = await engine.create_batch(store, [FileAttach(file_id=file)])
        double.asked.clear()
        assert await engine.retrieve_batch(store, batch.id) == batch
        assert double.asked == []
        await engine.retrieve_batch(store, batch.id)
        assert len(double.asked) == 1
        batch = await engine.create_batch(store, [FileAttach(file_id=file)])
        await engine.detach_file(store, file)
        double.asked.clear()
        await engine.retrieve_batch(store, batch.id)
        assert len(double.asked) == 1
