"""Words that can be counted in what was read, and the files of tests/cases."""

import random
import re

from support.checkout import TESTS
from vectorstores_server.engines.local.parsing.dispatch import read_document
from vectorstores_server.engines.local.parsing.document import Document

CASES = TESTS / "cases"


def case(name: str) -> Document:
    return read_document(CASES / name, name)


class Words:
    """Words that occur nowhere else, so that each can be counted in a text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.given: list[str] = []

    def one(self) -> str:
        word = f"w{len(self.given)}x{self.random.randrange(36**4):x}q"
        self.given.append(word)
        return word

    def some(self, most: int = 60) -> str:
        return " ".join(self.one() for _ in range(self.random.randint(1, most)))

    def check(self, document: Document) -> None:
        told = re.findall(r"w\d+x[0-9a-f]+q", document.text)
        assert sorted(told) == sorted(self.given), set(self.given) ^ set(told)
