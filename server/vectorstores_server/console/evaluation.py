"""Evaluation of a store by questions whose answers are known: recall, MRR, nDCG, the score that separates (pure)."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from vectorstores_tools.contract.errors import InvalidRequest

DEPTHS = (1, 5, 10)
EXAMPLE = '{"question": "what moves the tides?", "files": ["tides.md"]}'


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A question and the files that answer it, by name or id; none where the store has no answer."""

    text: str
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """The result of a question: for each file found whether it is right, best first; how many are; the best score."""

    right: Sequence[bool]
    wanted: int
    score: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The quality of a store; `threshold` None where no question was without an answer, or none with one."""

    recall: Sequence[float]
    mrr: float
    ndcg: float
    threshold: float | None
    kept: float
    refused: float


def read_questions(path: Path) -> list[KnownQuestion]:
    """Read a file of one JSON object a line. Raises InvalidRequest, naming the line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise InvalidRequest(f"The questions cannot be read: {reason}.", "Name a file of JSON lines.") from error
    found = [_question(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise InvalidRequest("The file holds no questions.", f"A line is like {EXAMPLE}.")
    return found


def _question(number: int, line: str) -> KnownQuestion:
    try:
        row: Any = json.loads(line)
    except ValueError:
        row = None
    entry = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
    text, files = entry.get("question"), entry.get("files", [])
    if not isinstance(text, str) or not text.strip() or not _are_names(files):
        raise InvalidRequest(f"Line {number} is no question with its files.", f"Write it like {EXAMPLE}.")
    return KnownQuestion(text, frozenset(files))


def _are_names(files: object) -> bool:
    return isinstance(files, list) and all(isinstance(name, str) for name in cast("list[object]", files))


def figures(answers: Sequence[AnsweredQuestion]) -> Figures:
    """Return the means over the questions that have an answer, and what separates these from the others."""
    on_topic = [answer for answer in answers if answer.wanted]
    off_topic = [answer.score for answer in answers if not answer.wanted]
    count = max(1, len(on_topic))
    threshold = separating([answer.score for answer in on_topic], off_topic)
    least = math.inf if threshold is None else threshold
    return Figures(
        recall=[sum(_recall(answer, depth) for answer in on_topic) / count for depth in DEPTHS],
        mrr=sum(_reciprocal_rank(answer) for answer in on_topic) / count,
        ndcg=sum(_ndcg(answer) for answer in on_topic) / count,
        threshold=threshold,
        kept=sum(answer.score >= least for answer in on_topic) / count,
        refused=sum(score < least for score in off_topic) / max(1, len(off_topic)),
    )


def separating(on_topic: Sequence[float], off_topic: Sequence[float]) -> float | None:
    """Return the score at which the share of questions kept and of those refused is the largest together.

    It lies in the middle between two scores; of several as good the lowest.
    """
    if not on_topic or not off_topic:
        return None
    scores = sorted({*on_topic, *off_topic})
    places = [scores[0], *(_between(low, high) for low, high in pairwise(scores))]

    def worth(threshold: float) -> float:
        kept = sum(score >= threshold for score in on_topic) / len(on_topic)
        return kept + sum(score < threshold for score in off_topic) / len(off_topic)

    return max(places, key=worth)


def _between(low: float, high: float) -> float:
    # Of two neighbouring floats the middle is rounded to one of them, and the lower one separates nothing.
    middle = (low + high) / 2
    return middle if low < middle else high


def _recall(answer: AnsweredQuestion, depth: int) -> float:
    return sum(answer.right[:depth]) / min(answer.wanted, depth)


def _reciprocal_rank(answer: AnsweredQuestion) -> float:
    return next((1 / place for place, right in enumerate(answer.right, 1) if right), 0.0)


def _ndcg(answer: AnsweredQuestion) -> float:
    got = sum(right / math.log2(place + 2) for place, right in enumerate(answer.right[: DEPTHS[-1]]))
    return got / sum(1 / math.log2(place + 2) for place in range(min(answer.wanted, DEPTHS[-1])))
