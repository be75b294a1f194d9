from pathlib import Path

import pytest

from support.local import Words, opened, search, settled, store, upload
from vectorstores_server.engines.local.search.names import names_in
from vectorstores_tools.contract.requests import FileAttach


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("shelf entry zqx001marker07919", ("zqx001marker07919",)),
        ("bill INV-2025-00815", ("2025", "00815")),
        ("what does E4711 mean", ("e4711",)),
        ("call flush_buffer now", ("flush_buff",)),
        ("who is Wombatowski", ("wombatowski",)),
        ("within how many days may customers ask for a refund", ()),
        ("how is iron absorbed by 3 or 12 children", ()),
    ],
)
def test_codes_numbers_identifiers_and_words_that_no_model_knows_are_names(question: str, names: tuple[str, ...]):
    assert names_in(question) == names


async def test_a_name_that_stands_in_one_place_is_first_whatever_else_is_alike(tmp_path: Path):
    """The other files repeat the question's words, so that to a model of meaning they are nearer."""
    dull = "The shelf entry of the shelf is an entry that is kept on the shelf."
    async with opened(tmp_path, Words()) as engine:
        id = await store(engine)
        files: list[str] = []
        for number in range(40):
            line = f"Shelf entry zqx001marker{number:05} is kept here." if number % 2 else "shelf entry shelf entry"
            files.append(await upload(engine, f"{dull}\n{line}\n{dull}", f"{number}.txt"))
        for file in files:
            await engine.attach_file(id, FileAttach(file_id=file))
        await settled(engine, id)
        for number in range(1, 40, 2):
            hits = (await search(engine, id, f"shelf entry zqx001marker{number:05}")).data
            assert hits[0].filename == f"{number}.txt"
