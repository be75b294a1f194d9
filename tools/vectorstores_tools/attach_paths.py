"""Attaching from paths: the files that the intake finds are uploaded inside the call, as long as there is time."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio

from vectorstores_tools.arguments.inputs import BatchAttach
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.engine import AttachOptions, Ingested
from vectorstores_tools.contract.errors import InvalidRequest, VectorStoreError
from vectorstores_tools.contract.intake import KnownStat, Source, Survey, storable
from vectorstores_tools.contract.models import FileBatch
from vectorstores_tools.progress.following import report_counts
from vectorstores_tools.progress.reporting import Progress, reported, until, watched
from vectorstores_tools.rendering.batches import FAILURES_SHOWN, described_batch
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

AGAIN = "batch_attach with the same arguments goes on"
LATER_SHOWN = 5
"""The most files named of those in a known folder that became readable with an upgrade."""
GONE_SHOWN = 5
TAKE_OUT = "the same call with mirror='on' takes them out and follows the folders; delete(what='file_from_store') one"
LEAST_UPLOADING = 10.0
"""Seconds for which a call takes in files even if its wait is shorter: a call for each file would be of no use."""


async def attach_paths(call: ToolCall, given: BatchAttach) -> Reply:
    """Upload and attach the files that `given.paths` name, and wait for them while there is time."""
    await call.engine.retrieve_store(given.vector_store_id)
    survey = await call.intake.survey(given.paths or (), call.roots)
    if not survey.origins:
        raise InvalidRequest(
            f"No file to attach in {', '.join(given.paths or ())}{_counted(survey)}.",
            "Name files, folders or globs that hold supported files.",
            param="paths",
        )
    later = await call.engine.newly_supported(given.vector_store_id, survey.folders)
    survey = survey.without(later)
    upload = PathUpload(call, survey, await _untouched(call, given, survey), given.wait_seconds)
    done, batch = await reported(call.report, lambda progress: upload.run(given, progress))
    return await _answer(call, given, upload, done, batch, survey.named(later))


class PathUpload:
    """Opens a survey's files, one after the other, as long as there is time; at least one new file gets through.

    `untouched` are those of its origins that need not be opened, each with its File.
    """

    def __init__(self, call: ToolCall, survey: Survey, untouched: Mapping[str, str], wait_seconds: float) -> None:
        now = anyio.current_time()
        self.call = call
        self.survey = survey
        self.deadline = now + wait_seconds
        self.uploads_until = now + max(wait_seconds, LEAST_UPLOADING)
        self.untouched = untouched
        self.taken = len(untouched)
        self.read = 0
        self.refused: list[dict[str, str]] = []

    @property
    def not_uploaded(self) -> int:
        """The number of origins left for the next call."""
        return len(self.survey.origins) - self.taken

    async def run(self, given: BatchAttach, progress: Progress) -> tuple[Ingested, FileBatch | None]:
        """Upload, then wait for the batch while there is time."""
        engine, store_id = self.call.engine, given.vector_store_id
        async with aclosing(self._sources(progress)) as sources:
            done = await engine.attach_sources(store_id, sources, _options(given), list(self.untouched.values()))
        if done.batch is None:
            return done, None
        batch_id = done.batch.id

        def final(batch: FileBatch) -> bool:
            report_counts(batch.file_counts, progress, before=self.taken)
            return batch.status != "in_progress"

        left = max(0.0, self.deadline - anyio.current_time())
        return done, await until(engine, lambda: engine.retrieve_batch(store_id, batch_id), final, left)

    async def _sources(self, progress: Progress) -> AsyncGenerator[Source]:
        origins = self.survey.origins
        for origin in origins:
            if origin in self.untouched:
                continue
            late = anyio.current_time() >= self.uploads_until
            if self.read and late:
                return
            try:
                async with self.call.intake.open(origin, self.call.roots) as source:
                    tell = self._going_out(progress)
                    # When the time is up, what is held is taken in, to know whether that was something new.
                    at_hand = source.at_hand and not late
                    found = replace(source, folder=self.survey.folders.get(origin), at_hand=at_hand)
                    yield watched(replace(found, stream=self._counting(source.stream)), tell)
            except VectorStoreError as error:
                self.refused.append({"filename": origin, "code": error.code or error.type, "message": str(error)})
            self.taken += 1
            progress.says(self.taken, 2 * len(origins), self._so_far)

    @property
    def _so_far(self) -> str:
        return f"{self.taken} of {len(self.survey.origins)} files looked at or uploaded"

    def _going_out(self, progress: Progress) -> Callable[[float, str], None]:
        def tell(_share: float, words: str) -> None:
            progress.says(self.taken, 2 * len(self.survey.origins), f"{self._so_far}; {words}")

        return tell

    async def _counting(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        self.read += 1  # an unchanged file is never read
        async for piece in stream:
            yield piece


async def _answer(
    call: ToolCall,
    given: BatchAttach,
    upload: PathUpload,
    done: Ingested,
    batch: FileBatch | None,
    later: Sequence[str],
) -> Reply:
    left, store_id = upload.not_uploaded, given.vector_store_id
    gone = await _gone(call, given, upload.survey)
    more = {
        "uploaded": done.uploaded,
        "again": done.again or None,
        "unchanged": done.unchanged,
        "not_uploaded": left,
        "skipped": dict(upload.survey.skipped) or None,
        "skipped_examples": dict(upload.survey.examples) or None,
        "not_opened": upload.refused[:FAILURES_SHOWN] or None,
        "newly_supported": {"total": len(later), "files": later[:LATER_SHOWN]} if later else None,
        "gone": gone or None,
        "notes": [*_notes(left, done), *_about_later(later)] or None,
        "next": AGAIN if left or later else None,
    }
    if batch is None:
        nothing = {"object": "vector_store.files_batch", "vector_store_id": store_id, "status": "completed"}
        return described(nothing, "Nothing was attached.", **more)
    if left:  # the request is not finished yet
        batch = batch.model_copy(update={"status": "in_progress"})
    return await described_batch(call, batch, **more)


def _options(given: BatchAttach) -> AttachOptions:
    return AttachOptions(given.attributes, given.chunking_strategy)


async def _untouched(call: ToolCall, given: BatchAttach, survey: Survey) -> dict[str, str]:
    """Return the File of each origin that the disk shows as it was taken, and of which nothing has to be done."""
    records = call.engine.mirrors
    if records is None:
        return {}
    known: dict[str, tuple[str, KnownStat]] = {}
    for folder in dict.fromkeys(survey.folders.values()):
        known |= await records.untouched(given.vector_store_id, storable(folder), _options(given))
    return {
        origin: known[source][0]
        for origin in survey.origins
        if (source := storable(origin)) in known
        and (stat := survey.stats.get(origin)) is not None
        and stat.same_as(known[source][1])
    }


async def _gone(call: ToolCall, given: BatchAttach, survey: Survey) -> dict[str, Any]:
    """Return the files that the store still has though they are gone from the folders: their count, and five names."""
    folders = list(dict.fromkeys(survey.folders.values()))
    if call.mirroring is None or not folders:
        return {}
    gone = await call.mirroring.gone(given.vector_store_id, folders, survey.origins)
    if not gone:
        return {}
    named = [{"path": file.path, "file_id": file.file_id} for file in gone[:GONE_SHOWN]]
    return {"count": len(gone), "files": named, "next": TAKE_OUT}


def _notes(left: int, done: Ingested) -> list[str]:
    if left:
        return [f"{left} files are not uploaded yet.", *done.notes]
    if done.batch is not None and not done.uploaded and not done.again:
        return ["Nothing is new. This is the last batch of these files, with others of its call.", *done.notes]
    return list(done.notes)


def _about_later(later: Sequence[str]) -> list[str]:
    """Return the sentence about files that an upgrade has made readable in a folder that is attached already."""
    if not later:
        return []
    files = "1 file is of a type" if len(later) == 1 else f"{len(later)} files are of types"
    return [f"{files} that could not be read when this folder was attached before: the same call once more takes them."]


def _counted(survey: Survey) -> str:
    counts = ", ".join(f"{number} {reason}" for reason, number in survey.skipped.items())
    return f" (passed over: {counts})" if counts else ""
