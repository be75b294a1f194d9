"""The rate at which files are attached: never faster than the services allow."""

import time
from collections import deque
from collections.abc import Awaitable, Callable

import anyio

ATTACHES_PER_MINUTE = 300
"""OpenAI's limit for the requests that attach to one store; single files and batches share it."""


class RateLimit:
    """Lets at most so many through in any minute, in the order they came: over all stores, the stricter reading."""

    def __init__(
        self,
        per_minute: int = ATTACHES_PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._times: deque[float] = deque(maxlen=per_minute)
        self._clock = clock
        self._sleep = sleep
        self._turn = anyio.Lock()

    async def wait(self) -> None:
        """Return when one more may be sent."""
        async with self._turn:
            if len(self._times) == self._times.maxlen:
                await self._sleep(max(0.0, self._times[0] + 60.0 - self._clock()))
            self._times.append(self._clock())
