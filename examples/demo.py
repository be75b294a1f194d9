"""The main job from end to end: store real documents over MCP, and search them.

It starts the installed `vector-stores-mcp` over stdio, as an agent's client would, in a temporary data directory.
Run it with `make demo`, or `python examples/demo.py "a question of your own"`.
"""

import re
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

ROOT = Path(__file__).resolve().parent.parent
SERVER = Path(sys.executable).with_name("vector-stores-mcp")
COMMON = frozenset({
    "and", "are", "for", "from", "how", "long", "often", "that", "the", "this", "what", "when", "where", "which", "who",
    "why",
})  # fmt: skip
QUESTIONS = [
    "How often is the fog horn sounded, and for how long?",
    "When is it too rough to land from the boat?",
    "correctMotorVoltage",
    "Which function tells whether the ledge is under water?",
    "How do I let the server read a folder outside my home directory?",
]


def server_for(data: str) -> StdioServerParameters:
    environment = {
        "VECTOR_STORES_DATA": data,
        "VECTOR_STORES_FILE_ROOTS": str(ROOT),
        "VECTOR_STORES_LOG_LEVEL": "warning",
    }
    return StdioServerParameters(command=str(SERVER), args=[], env=environment)


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments, progress_callback=show_progress)
    if result.is_error or result.structured_content is None:
        said = " ".join(part.text for part in result.content if isinstance(part, TextContent))
        raise SystemExit(f"{tool}: {said}")
    return result.structured_content


async def show_progress(progress: float, total: float | None, message: str | None) -> None:
    print(f"   ... {message or f'{progress:.0f} of {total or 0:.0f}'}")


async def attach(client: Client, store_id: str) -> None:
    started = time.monotonic()
    paths = [str(ROOT / "README.md"), str(ROOT / "docs"), str(ROOT / "examples" / "documents")]
    print(f"2. batch_attach(paths={[str(Path(path).relative_to(ROOT)) for path in paths]})")
    batch = await call(client, "batch_attach", vector_store_id=store_id, paths=paths, wait_seconds=20)
    while batch["status"] == "in_progress":
        batch = await call(client, "retrieve", vector_store_id=store_id, batch_id=batch["id"], wait_seconds=20)
    counts = batch["file_counts"]
    print(
        f"   {counts['completed']} of {counts['total']} files are searchable after {time.monotonic() - started:.1f} s"
    )
    if counts["failed"]:
        raise SystemExit(f"{counts['failed']} files failed: {batch.get('failures')}")


async def ask(client: Client, store_id: str, question: str) -> None:
    started = time.monotonic()
    answer = await call(client, "search", vector_store_id=store_id, query=question, max_num_results=3)
    print(f"\n3. search({question!r}), {(time.monotonic() - started) * 1000:.0f} ms")
    if not answer["data"]:
        raise SystemExit("Nothing was found.")
    for rank, hit in enumerate(answer["data"]):
        print(f"   {hit['score']:.2f}  {citation(hit)}")
        print(f"         {hit['uri']}")
        for line in telling(hit.get("text", ""), question, rows=2 if rank else 6):
            print(f"         | {line}")


def citation(hit: dict[str, Any]) -> str:
    where = [hit["filename"]]
    if hit.get("page"):
        where.append(f"page {hit['page']}")
    if hit.get("heading_path"):
        where.append(" > ".join(hit["heading_path"]))
    if hit.get("lines"):
        where.append(f"lines {hit['lines'][0]}-{hit['lines'][1]}")
    return ", ".join(where)


def telling(text: str, question: str, rows: int) -> list[str]:
    """Return the rows of a hit, without its fence, that share most words with the question."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("<doc-", "</doc-"))]
    lines = [row for line in lines for row in textwrap.wrap(line, 100)]
    beginnings = {word[:5] for word in re.findall(r"\w{3,}", question.lower())} - COMMON

    def shared(start: int) -> int:
        there = " ".join(lines[start : start + rows]).lower()
        return sum(bool(re.search(rf"\b{beginning}", there)) for beginning in beginnings)

    counts = [shared(start) for start in range(max(1, len(lines) - rows + 1))]
    best = [start for start, count in enumerate(counts) if count == max(counts)]
    start = best[len(best) // 2]
    return lines[start : start + rows]


async def main(questions: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="vector-stores-demo-") as data:
        started = time.monotonic()
        async with Client(server_for(data)) as client:
            tools = (await client.list_tools()).tools
            print(f"{SERVER.name} is up after {time.monotonic() - started:.2f} s with {len(tools)} tools")
            store = await call(client, "create_store", name="Demo", description="The project's docs and its examples")
            print(f"1. create_store -> {store['id']}")
            notes: list[str] = store.get("notes") or []
            for note in notes:
                print(f"   {note}")
            await attach(client, store["id"])
            for question in questions:
                await ask(client, store["id"], question)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1:] or QUESTIONS)
