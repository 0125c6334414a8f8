"""Predictions take turns: a cheap one at once, the others in order, and nobody is let in to wait too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from slipway.realtime.http.admission import BURST_SECONDS, AdmissionQueue, OverloadedError

LONG = 10 * BURST_SECONDS


def during(play: Callable[[AdmissionQueue], Awaitable[None]], max_wait_seconds: float = 0.025) -> Callable[[], None]:
    """The test that plays this in an event loop of its own."""

    async def main() -> None:
        await play(AdmissionQueue(max_wait_seconds))

    return lambda: asyncio.run(main())


def predicted(turns: AdmissionQueue, seconds: float) -> None:
    turns.begin(100)
    turns.end(100, seconds)


async def cost_is(turns: AdmissionQueue, seconds: float) -> None:
    predicted(turns, seconds)
    await asyncio.sleep(0)
    assert turns.free


@during
async def test_the_first_of_a_size_has_the_loop_for_itself(turns: AdmissionQueue) -> None:
    assert turns.free
    turns.begin(100)
    assert not turns.free


@during
async def test_as_many_begin_at_once_as_will_cost_a_millisecond(turns: AdmissionQueue) -> None:
    await cost_is(turns, BURST_SECONDS / 4)
    for _ in range(4):
        assert turns.free
        turns.begin(100)
    assert not turns.free


@during
async def test_those_in_hand_end_before_those_in_line_begin(turns: AdmissionQueue) -> None:
    await cost_is(turns, BURST_SECONDS / 2)
    turns.begin(100)
    turns.begin(100)
    waiting = asyncio.ensure_future(turns.wait(100))
    turns.end(100, BURST_SECONDS / 2)
    await asyncio.sleep(0.001)
    assert turns.waiting == 1
    turns.end(100, BURST_SECONDS / 2)
    await asyncio.wait_for(waiting, 1)
    assert turns.waiting == 0


@during
async def test_those_who_began_before_the_loop_looked_up_still_count(turns: AdmissionQueue) -> None:
    await cost_is(turns, BURST_SECONDS / 4)
    predicted(turns, BURST_SECONDS / 4)
    for _ in range(3):
        turns.begin(100)
    await asyncio.sleep(0.001)
    assert not turns.free


def test_those_in_line_begin_in_order_as_many_as_will_cost_a_millisecond() -> None:
    order: list[int] = []
    most = 0

    async def one(turns: AdmissionQueue, number: int) -> None:
        nonlocal most
        await turns.wait(100)
        order.append(number)
        most = max(most, turns._running)
        await asyncio.sleep(0)
        turns.end(100, BURST_SECONDS / 2.5)

    async def play(turns: AdmissionQueue) -> None:
        await cost_is(turns, BURST_SECONDS / 2.5)
        await asyncio.gather(*(one(turns, number) for number in range(8)))

    during(play)()
    assert order == list(range(8))
    assert most == 3


def test_between_two_turns_the_loop_looks_at_what_has_come() -> None:
    seen: list[str] = []

    async def one(turns: AdmissionQueue, name: str) -> None:
        await turns.wait(100)
        seen.append(name)
        turns.end(100, LONG)

    async def play(turns: AdmissionQueue) -> None:
        predicted(turns, LONG)
        work = asyncio.gather(one(turns, "first"), one(turns, "second"))
        while "first" not in seen:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(seen.append, "looked")
        await work

    during(play)()
    assert seen == ["first", "looked", "second"]


def test_who_would_wait_longer_than_promised_is_refused() -> None:
    async def one(turns: AdmissionQueue) -> None:
        await turns.wait(100)
        turns.end(100, 0.010)

    async def play(turns: AdmissionQueue) -> None:
        await cost_is(turns, 0.010)
        turns.begin(100)
        line = asyncio.gather(*(one(turns) for _ in range(4)), return_exceptions=True)
        await asyncio.sleep(0)
        turns.end(100, 0.010)
        ended = await line
        # One behind nobody in line, one behind 10 ms; the next would stand behind 20 ms and take 10 itself.
        assert ended[:2] == [None, None]
        assert [round(error.seconds, 6) for error in ended[2:] if isinstance(error, OverloadedError)] == [0.04, 0.04]

    during(play, max_wait_seconds=0.030)()


@during
async def test_who_gives_up_in_line_keeps_nobody_waiting(turns: AdmissionQueue) -> None:
    turns.begin(100)
    first, second = asyncio.ensure_future(turns.wait(100)), asyncio.ensure_future(turns.wait(100))
    await asyncio.sleep(0)
    first.cancel()
    turns.end(100, LONG)
    await asyncio.wait_for(second, 1)
    turns.end(100, 0.0)
    await asyncio.sleep(0)
    assert turns.free


@during
async def test_who_gives_up_when_it_is_its_turn_keeps_nobody_waiting(turns: AdmissionQueue) -> None:
    turns.begin(100)
    first, second = asyncio.ensure_future(turns.wait(100)), asyncio.ensure_future(turns.wait(100))
    await asyncio.sleep(0)
    turns.end(100, LONG)
    asyncio.get_running_loop().call_soon(first.cancel)
    await asyncio.wait_for(second, 1)
    assert first.cancelled()


@during
async def test_one_interrupted_prediction_does_not_make_the_model_look_slow(turns: AdmissionQueue) -> None:
    for seconds in (0.0001, 0.5):
        predicted(turns, seconds)
    assert turns._expected_cost(100) < 0.0002
    for _ in range(60):
        predicted(turns, 0.5)
    assert turns._expected_cost(100) > 0.4


@during
async def test_one_that_failed_says_nothing_of_the_cost(turns: AdmissionQueue) -> None:
    predicted(turns, 0.002)
    turns.begin(100)
    turns.end(100, None)
    assert turns._expected_cost(100) == 0.002


@during
async def test_a_size_never_seen_costs_what_the_next_one_costs(turns: AdmissionQueue) -> None:
    assert turns._expected_cost(100) == 0
    predicted(turns, 0.002)
    assert turns._expected_cost(50_000) == turns._expected_cost(3) == 0.002
