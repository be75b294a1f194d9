"""What a check finds: each thing that is wrong, in a sentence, and the repair that there is for it."""

from dataclasses import dataclass
from typing import Literal

Repair = Literal["parse again", "set aside", "rebuild", "none"]

SENTENCES: dict[Repair, str] = {
    "parse again": "its text is parsed again from its bytes",
    "set aside": "the bytes are set aside; upload the file again",
    "rebuild": "the store's index is built again from the stored files",
    "none": "restore the data directory from a backup",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what, of which kind, whom it concerns, and what mends it."""

    part: Literal["catalog", "blob", "text", "table"]
    name: str
    problem: str
    repair: Repair
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        concerned = f" ({', '.join(self.files[:3])}{', ...' if len(self.files) > 3 else ''})" if self.files else ""
        return f"{self.part} {self.name}{concerned}: {self.problem}; {SENTENCES[self.repair]}"
