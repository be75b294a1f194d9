"""`model` and `eval` as a person runs them: which models there are, which is used, and which finds more."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.commands import Run
from vectorstores_server.engines.local.embedding.models import CARDS

TEXTS = {
    "tides.md": "The moon pulls at the sea, and so high water comes twice a day.",
    "bread.md": "Dough rests overnight before the loaf goes into the oven.",
    "chess.md": "A pawn that reaches the last rank is exchanged for a queen.",
}
QUESTIONS: list[dict[str, str | list[str]]] = [
    {"question": "pawn last rank", "files": ["chess.md"]},
    {"question": "dough overnight", "files": ["bread.md"]},
    {"question": "zeppelins over Lakehurst", "files": []},
    {"question": "lunar cause of rising ocean", "files": ["tides.md"]},
]


def test_list_names_each_model_with_its_licence_and_whether_it_is_there(run: Run) -> None:
    code, out, _ = run("model", "list")
    assert code == 0
    for card in CARDS.values():
        [row] = [line for line in out.splitlines() if line.startswith(f"{card.name} ")]
        assert card.title in row
        assert card.licence in row
    assert "installed: " in next(line for line in out.splitlines() if line.startswith("minilm "))
    assert "model install arctic-xs" in next(line for line in out.splitlines() if line.startswith("arctic-xs "))
    assert "Used for new stores: none." in out


def test_use_keeps_a_choice_until_auto_takes_it_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VECTOR_STORES_EMBEDDER")
    assert "Used for new stores: auto." in run("model", "list")[1]
    code, out, _ = run("model", "use", "minilm")
    assert (code, "New stores get minilm" in out) == (0, True)
    assert "Used for new stores: minilm." in run("model", "list")[1]
    assert run("model", "use", "auto")[0] == 0
    assert "Used for new stores: auto." in run("model", "list")[1]


def test_the_choice_makes_the_vectors_of_new_stores(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VECTOR_STORES_EMBEDDER")
    run("model", "use", "minilm")
    assert run("add", *_files(tmp_path), "--store", "docs")[0] == 0
    with closing(sqlite3.connect(tmp_path / "data" / "catalog.db")) as catalog:
        assert catalog.execute("SELECT embedder FROM store").fetchall() == [("minilm/int8/384",)]


@pytest.mark.parametrize(("name", "sentence"), [("word2vec", "takes a name"), ("arctic-xs", "is not installed")])
def test_a_model_that_cannot_be_used_is_refused_with_what_to_do(run: Run, name: str, sentence: str) -> None:
    code, _, err = run("model", "use", name)
    assert code != 0
    assert sentence in err
    assert "Used for new stores: none." in run("model", "list")[1]


def test_eval_tells_what_a_store_finds_and_what_another_model_would(run: Run, tmp_path: Path) -> None:
    assert run("add", *_files(tmp_path), "--store", "docs")[0] == 0
    questions = tmp_path / "questions.jsonl"
    questions.write_text("\n".join(json.dumps(question) for question in QUESTIONS), "utf-8")
    code, out, err = run("eval", "docs", questions, "--also", "minilm")
    assert code == 0, err
    words, vectors = (next(line for line in out.splitlines() if line.startswith(name)) for name in ("as it is", "mini"))
    assert words.split()[3:6] == ["0.667", "0.667", "0.667"]
    assert vectors.split()[1:4] == ["1.000", "1.000", "1.000"]
    assert words.split()[-1] == vectors.split()[-1] == "100%", "what is off the topic is refused at the threshold"
    assert "3 questions with an answer, 1 without." in out
    assert "lunar cause of rising ocean" in out.split("No right file was found for 1 question:")[1]
    assert run("search", "pawn", "--store", "docs")[0] == 0, "the store is as it was"


def _files(folder: Path) -> list[Path]:
    files = [folder / name for name in TEXTS]
    for file, text in zip(files, TEXTS.values(), strict=True):
        file.write_text(text, "utf-8")
    return files
