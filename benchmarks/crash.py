"""Durability: 50 kills at random moments of a batch of 200 files, and a minute of four processes at work.

Prints the files that were lost, doubled, stuck, or seen by a search in both or in neither version; fails when there was
any.
"""

import subprocess
import sys
import time
from pathlib import Path

import anyio

from benchmarks.budgets import Result
from benchmarks.killed import Account, end_in_peace, kill_again_and_again
from benchmarks.options import Options

FILES = 200
KILLS = 50
SECONDS = 60
TESTS = Path(__file__).parent.parent / "tests"


async def run(options: Options) -> list[Result]:
    """Run both parts; there is no row to print, only an end that is wrong or not."""
    for part in ("killed", "together"):
        (options.work / part).mkdir()
    wrong = await killed(options.work / "killed") + await together(options.work / "together")
    if wrong:
        raise SystemExit(f"{len(wrong)} things are wrong")
    return []


async def killed(work: Path) -> list[str]:
    """Kill a server KILLS times; return the faults found afterwards."""
    seed, started = int(time.time()), time.monotonic()
    account = Account(work / "documents", FILES)
    store = await kill_again_and_again(work / "data", account, KILLS, seed)
    await end_in_peace(work / "data", store, account)
    account.wrong += await _script("check", work / "data")
    print(
        f"{account.kills} kills at random moments (seed {seed}) of {account.edition} batches of {FILES} files, "
        f"{len(account.singles)} single files acknowledged, {account.searches} searches meanwhile, "
        f"{time.monotonic() - started:.0f} s"
    )
    return _told(account.wrong)


async def together(work: Path) -> list[str]:
    """Let four processes work on one directory; return the faults found afterwards."""
    return _told(await _script("work", work, str(SECONDS)))


def _told(wrong: list[str]) -> list[str]:
    for line in wrong or ["nothing lost, doubled or stuck; every search saw one version"]:
        print(f"- {line}", flush=True)
    return wrong


async def _script(*arguments: str | Path) -> list[str]:
    """Run the processes of tests/support/many.py; return the faults, which are its last lines, and print the others."""
    ended = await anyio.run_process(
        [sys.executable, "-m", "support.many", *map(str, arguments)],
        cwd=TESTS,
        check=False,
        stderr=None,
        stdout=subprocess.PIPE,
    )
    lines = ended.stdout.decode().splitlines()
    facts = [line for line in lines if not line.startswith("wrong: ")]
    for line in facts:
        print(line)
    wrong = [line.removeprefix("wrong: ") for line in lines if line.startswith("wrong: ")]
    return wrong or ([] if ended.returncode == 0 else [f"support.many ended with {ended.returncode}"])
