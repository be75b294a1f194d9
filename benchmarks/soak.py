"""Twenty minutes of mixed work: descriptors, memory, threads and disk of a server must not grow with the rounds.

A round uploads a new version of one of 60 notes, waits until it is searchable, searches it and does one thing more:
list, read, delete, update or attach a folder. The number of notes is the same from the first quarter on, so anything
that still grows is a leak. The samples go to `soak.csv` and `soak.svg` in the folder of the benchmark's stores.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.budgets import Result
from benchmarks.corpus import sentences
from benchmarks.options import Options
from benchmarks.processes import OURS, Served, serve

ROUNDS = 2_000
LEAST_SECONDS = 1_200.0
NAMES = 60
FOLDER_FILES = 20
SAMPLES = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's resources after a round: bytes of memory and of disk in MB."""

    round: int
    seconds: float
    descriptors: int
    memory: float
    threads: int
    disk: float


@dataclass(slots=True)
class Soak:
    """One server and the store that it is asked about."""

    server: Served
    store: str
    data: Path
    notes: Path
    folder: Path
    pieces: Sequence[str]
    dice: random.Random

    async def round(self, number: int) -> None:
        """Upload the new version of a note, find it, and do one thing more."""
        marker = f"zqsoak{number:05}"
        name = f"note-{number % NAMES:02}.md"
        note = self.notes / name
        note.write_text(f"{marker} stands here. " + ". ".join(self.dice.sample(self.pieces, 12)), encoding="utf-8")
        file = await self.server.call("upload_file", path=str(note), vector_store_id=self.store, wait_seconds=30)
        hits = await self.server.call("search", query=marker, vector_store_id=self.store)
        if not any(hit["file_id"] == file["id"] for hit in hits["data"]):
            raise SystemExit(f"round {number}: {name} was acknowledged and is not found")
        await self._one_thing_more(number, file["id"])

    async def _one_thing_more(self, number: int, file: str) -> None:
        ask = self.server.call
        match number % 10:
            case 0:
                path = self.folder / f"{self.dice.randrange(FOLDER_FILES):02}.txt"
                path.write_text(". ".join(self.dice.sample(self.pieces, 30)), encoding="utf-8")
                await ask("batch_attach", vector_store_id=self.store, paths=[str(self.folder)], wait_seconds=30)
            case 1 | 2:
                await ask("read", file_id=file, vector_store_id=self.store)
            case 3:
                await ask("delete", what="file", file_id=file, confirm=True)
            case 4:
                await ask("update", vector_store_id=self.store, file_id=file, attributes={"round": number})
            case 5 | 6:
                await ask("list", vector_store_id=self.store, limit=100)
            case _:
                await ask("search", query=self.dice.choice(self.pieces), vector_store_id=self.store)


async def run(options: Options) -> list[Result]:
    """Work for ROUNDS rounds and at least LEAST_SECONDS; compare the quarters."""
    data, notes, folder = (options.work / name for name in ("soak", "soak-notes", "soak-folder"))
    for made in (notes, folder):
        made.mkdir(exist_ok=True)
    pieces, dice = sentences(), random.Random(0)
    for number in range(FOLDER_FILES):
        (folder / f"{number:02}.txt").write_text(". ".join(dice.sample(pieces, 30)), encoding="utf-8")
    async with serve(OURS, data, FILE_ROOTS=f"{notes}:{folder}") as server:
        store = (await server.call("create_store", name="Soak"))["id"]
        soak = Soak(server, store, data, notes, folder, pieces, dice)
        samples = await _work(soak)
    (options.work / "soak.csv").write_text(_csv(samples), encoding="utf-8")
    (options.work / "soak.svg").write_text(plot(samples), encoding="utf-8")
    print(f"samples: {options.work / 'soak.csv'}, plot: {options.work / 'soak.svg'}")
    return _rows(samples)


async def _work(soak: Soak) -> list[Sample]:
    samples: list[Sample] = []
    began, number = time.monotonic(), 0
    while number < ROUNDS or time.monotonic() - began < LEAST_SECONDS:
        await soak.round(number)
        number += 1
        if number % (ROUNDS // SAMPLES) == 0:
            samples.append(_sample(soak.server.process, soak.data, number, time.monotonic() - began))
        if number % (ROUNDS // 10) == 0:
            print(samples[-1], flush=True)
    return samples


def _sample(process: psutil.Process, data: Path, number: int, seconds: float) -> Sample:
    return Sample(
        number,
        round(seconds, 1),
        process.num_fds(),
        round(process.memory_info().rss / 1e6, 1),
        process.num_threads(),
        round(_bytes_of(data) / 1e6, 1),
    )


def _bytes_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:  # the server goes on working
            continue
    return total


def _quarter(samples: Sequence[Sample], which: int, of: Callable[[Sample], float]) -> float:
    """Return the median of a quarter, 1 to 4."""
    size = len(samples) // 4
    values = sorted(of(sample) for sample in samples[(which - 1) * size : which * size])
    return values[len(values) // 2]


def _rows(samples: Sequence[Sample]) -> list[Result]:
    begin, most = samples[0].descriptors, max(sample.descriptors for sample in samples)
    rows = [
        Result("soak_descriptors", f"{begin} after the first rounds", f"{most} at most", "", most <= begin + 64),
    ]
    flat: list[tuple[str, str, float, Callable[[Sample], float]]] = [
        ("soak_memory", "MB", 1.05, lambda sample: sample.memory),
        ("soak_threads", "", 1.05, lambda sample: sample.threads),
        ("soak_disk", "MB", 1.2, lambda sample: sample.disk),
    ]
    for row, unit, limit, of in flat:
        second, last = _quarter(samples, 2, of), _quarter(samples, 4, of)
        ratio = last / second
        rows.append(Result(row, f"{second:.0f} {unit}", f"{last:.0f} {unit}", f"{ratio:.2f} x", ratio <= limit))
    last_round = samples[-1]
    note = f"{last_round.round} rounds in {last_round.seconds:.0f} s"
    return [replace(rows[0], note=note), *rows[1:]]


def _csv(samples: Sequence[Sample]) -> str:
    lines = ["round,seconds,descriptors,memory_mb,threads,disk_mb"]
    lines += [",".join(str(value) for value in astuple(sample)) for sample in samples]
    return "\n".join(lines) + "\n"


def plot(samples: Sequence[Sample]) -> str:
    """Return an SVG with one line for each of the four measures, each in a panel from zero to its most."""
    width, height, gap = 720, 110, 34
    panels: list[tuple[str, Callable[[Sample], Any]]] = [
        ("open descriptors", lambda sample: sample.descriptors),
        ("memory, MB (RSS)", lambda sample: sample.memory),
        ("threads", lambda sample: sample.threads),
        ("data directory, MB", lambda sample: sample.disk),
    ]
    box = f"0 0 {width + 20} {len(panels) * (height + gap) + 24}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif" font-size="12" fill="#666">'
    ]
    for place, (title, of) in enumerate(panels):
        top = place * (height + gap) + gap
        most = max(of(sample) for sample in samples) or 1
        last = samples[-1].round
        line = " ".join(
            f"{10 + s.round / last * width:.1f},{top + height - of(s) / most * height:.1f}" for s in samples
        )
        parts.append(f'<text x="10" y="{top - 8}">{title}; most {most:g}</text>')
        parts.append(f'<path d="M10 {top}V{top + height}H{width + 10}" fill="none" stroke="#bbb"/>')
        parts.append(f'<polyline points="{line}" fill="none" stroke="#2a6fb0" stroke-width="1.5"/>')
    bottom = len(panels) * (height + gap) + 18
    parts.append(f'<text x="{width + 10}" y="{bottom}" text-anchor="end">{samples[-1].round} rounds</text></svg>')
    return "\n".join(parts) + "\n"
