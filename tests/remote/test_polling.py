"""How a remote's changes are heard of: by looking again, soon at first and later less often."""

import anyio

from support.published import STORE, Script
from vectorstores_server.engines.remote.polling import LONGEST, PollingMarks


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def polling(clock: Clock, first: float = 1.0) -> PollingMarks:
    client = Script().client
    client.poll_seconds = first
    return PollingMarks(client, clock)


def test_looks_grow_apart_with_the_time_since_a_change_of_ours() -> None:
    clock = Clock()
    looks = polling(clock)
    looks.restart()
    waits: list[float] = []
    for _ in range(30):
        waits.append(looks.seconds)
        clock.now += looks.seconds
    assert waits[:4] == [1, 1, 1, 1]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST
    looks.restart()
    assert looks.seconds == 1


def test_a_service_is_never_looked_at_more_often_than_it_says() -> None:
    clock = Clock()
    looks = polling(clock, first=30.0)
    looks.restart()
    assert looks.seconds == 30
    clock.now += 10_000
    assert looks.seconds == 30


async def test_a_change_of_ours_is_heard_at_once() -> None:
    looks = polling(Clock(), first=3_600.0)
    mark = await looks.changed(0)
    heard: list[int] = []

    async def wait() -> None:
        heard.append(await looks.changed(mark))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            looks.restart()
    assert heard == [mark + 1]
    assert await looks.changed(mark) == mark + 1


async def test_who_waits_looks_again_when_it_is_time() -> None:
    looks = polling(Clock(), first=0.001)
    with anyio.fail_after(10):
        assert await looks.changed(await looks.changed(0)) > 1


async def test_looking_is_no_change() -> None:
    script = Script()
    script.on("GET vector_stores/vs_abc123", STORE)
    mark = await script.engine.changed(0)
    await script.engine.retrieve_store("vs_abc123")
    assert await script.engine.changed(0) == mark
    await script.engine.aclose()
