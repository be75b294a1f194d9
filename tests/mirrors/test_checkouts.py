"""A followed folder of 2,000 files in which other branches are checked out."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from support.following import Following, following
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.models import VectorStoreFile

FILES, FOLDERS = 2_000, 20
SECONDS = 300


def names(numbers: Iterable[int], kind: str = "note") -> list[str]:
    return [f"part-{number % FOLDERS:02}/{kind}-{number:04}.txt" for number in numbers]


def on_disk(there: Following) -> set[str]:
    return {path.relative_to(there.folder).as_posix() for path in there.folder.rglob("*.txt")}


async def taken(there: Following, replaced: Iterable[VectorStoreFile] = ()) -> dict[str, VectorStoreFile]:
    """Wait until the store has the folder's paths, none of these versions, and all is indexed."""
    old = {file.id for file in replaced}

    async def done() -> bool:
        if (await there.engine.retrieve_store(there.store)).file_counts.in_progress:
            return False
        files = await there.files()
        return set(files) == on_disk(there) and not any(file.id in old for file in files.values())

    await there.until(done, SECONDS)
    return await there.files()


@pytest.mark.slow
async def test_a_checkout_that_changes_two_fifths_is_taken_and_loses_no_file(tmp_path: Path) -> None:
    changed, moved = names(range(300)), names(range(300, 550))
    gone, kept = names(range(550, 800)), names(range(800, FILES))
    async with following(tmp_path, watch=True) as there:
        for name in names(range(FILES)):
            there.write(name)
        await there.begin()
        before = await taken(there)
        for name in changed:
            there.write(name, f"Other words of {name}.")
        for name in moved:
            (there.folder / "moved" / name).parent.mkdir(parents=True, exist_ok=True)
            (there.folder / name).rename(there.folder / "moved" / name)
        for name in gone:
            (there.folder / name).unlink()
        new = names(range(250), "new")
        for name in new:
            there.write(name)
        after = await taken(there, [before[name] for name in changed])
        assert (await there.source()).state == "mirrored"
        assert {name: after[f"moved/{name}"].id for name in moved} == {name: before[name].id for name in moved}
        assert {name: after[name].id for name in kept} == {name: before[name].id for name in kept}
        for name, words in ((changed[7], f"Other words of {changed[7]}."), (new[7], f"The text of {new[7]}.")):
            assert words in (await there.engine.read_text(TextRequest(after[name].id, there.store))).text


@pytest.mark.slow
async def test_a_checkout_that_takes_away_four_fifths_pauses_and_takes_what_is_new(tmp_path: Path) -> None:
    gone, kept = names(range(1_600)), names(range(1_600, FILES))
    async with following(tmp_path, watch=True) as there:
        for name in names(range(FILES)):
            there.write(name)
        await there.begin()
        before = await taken(there)
        for name in gone:
            (there.folder / name).unlink()
        new = names(range(1_600), "new")
        for name in new:
            there.write(name)

        async def paused() -> bool:
            counts = (await there.engine.retrieve_store(there.store)).file_counts
            source = await there.source()
            return source.state == "paused" and counts.completed == len(before) + len(new)

        await there.until(paused, SECONDS)
        source = await there.source()
        assert source.counts["gone"] == len(gone)
        assert "1,600 of 2,000" in (source.note or "")
        held = await there.files()
        assert {name: held[name].id for name in before} == {name: file.id for name, file in before.items()}
        await there.begin(confirmed=True)
        after = await taken(there, [before[name] for name in gone])
        assert set(after) == {*kept, *new}
