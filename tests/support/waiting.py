"""A wait for what no event tells of: a file that another process writes, a folder's time, a worker's next look."""

import anyio

SECONDS = 0.01


async def moment() -> None:
    """Let others work for a moment. A loop that only passed its turn on would take a processor from them."""
    await anyio.sleep(SECONDS)
