import anyio

from vectorstores_server.engines.remote.http.rate_limit import RateLimit


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        self.now += seconds


async def test_no_more_than_three_hundred_attaches_leave_in_any_minute() -> None:
    clock, left = Clock(), list[float]()
    rate_limit = RateLimit(clock=clock.read, sleep=clock.sleep)
    for _ in range(1000):
        await rate_limit.wait()
        left.append(clock.now)
        clock.now += 0.01
    assert all(later - earlier >= 60 for earlier, later in zip(left, left[300:], strict=False))
    assert left[299] < 1003
    assert left[300] >= 1060


async def test_those_who_wait_side_by_side_share_one_pace() -> None:
    clock, left = Clock(), list[float]()
    rate_limit = RateLimit(2, clock.read, clock.sleep)

    async def one() -> None:
        await rate_limit.wait()
        left.append(clock.now)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(one)
    assert left == [1000, 1000, 1060, 1060, 1120]
