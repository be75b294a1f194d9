"""The folders that a store follows, on the page: with their state, and without their place on the disk."""

from pathlib import Path

from support.following import following
from support.pages import first, page_of, parsed


async def test_a_followed_folder_is_shown_with_its_state_and_never_with_its_place(tmp_path: Path) -> None:
    async with following(tmp_path) as store:
        store.write("moon.md")
        store.write("wind.md")
        mirror = await store.walked()
        async with page_of(store.engine) as client:
            for address in ("/", "/?name=followed", f"/stores/{store.store}"):
                reply = await client.get(address)
                shown = first(parsed(reply), ".source")
                text = " ".join(shown.text().split())
                assert text.startswith("Follows the folder folder mirrored 2 files, looked"), text
                assert str(tmp_path) not in reply.text
            for name in ("moon.md", "wind.md"):
                (store.folder / name).unlink()
            store.folder.rmdir()
            await store.asked_again(mirror)
            reply = await client.get(f"/stores/{store.store}")
            gone = first(parsed(reply), ".source")
            assert first(gone, ".badge.failed").text() == (await store.source()).state
            assert (await store.source()).note
            assert str(tmp_path) not in reply.text
