from pathlib import Path

from support.local import Words, add, opened, search, store
from support.traces import traces

SECRET = "Xylophonist Quetzalcoatlus hid the brzeczyszczykiewicz papers."
KEPT = "Bread needs flour, water, salt and time to rise."


async def test_what_was_deleted_is_off_the_disk_after_a_purge(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        doomed = await add(engine, id, SECRET, "classified-dossier.txt", attributes={"about": "classified-dossier"})
        kept = await add(engine, id, KEPT, "bread.txt")
        assert len(list(traces(tmp_path))) > 5
        await engine.delete_file(doomed)
        await engine.maintenance.purge()
        assert [h.file_id for h in (await search(engine, id, "bread")).data] == [kept]
        assert (await search(engine, id, "xylophonist brzeczyszczykiewicz", max_num_results=50)).data[0].text_score == 0
    assert list(traces(tmp_path)) == []


async def test_a_deleted_store_leaves_nothing_but_its_files(tmp_path: Path):
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine, "classified-dossier")
        file = await add(engine, id, SECRET)
        await engine.delete_store(id)
        await engine.maintenance.purge()
        left = {trace.split(" in ")[1].split("/")[0] for trace in traces(tmp_path)}
        assert left <= {"blobs", "text"}
        await engine.delete_file(file)
        await engine.maintenance.purge()
    assert list(traces(tmp_path)) == []
