"""Predictions take turns: a cheap one at once, the others in order, and nobody is let in to wait too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from deploy.realtime.turns import BURST_SECONDS, OverloadedError, Turns

LONG = 10 * BURST_SECONDS


def during(play: Callable[[Turns], Awaitable[None]], longest_wait: float = 0.025) -> None:
    async def main() -> None:
        await play(Turns(longest_wait))

    asyncio.run(main())


def test_who_comes_to_an_empty_line_predicts_at_once() -> None:
    async def play(turns: Turns) -> None:
        assert turns.free
        turns.took(100, BURST_SECONDS / 4)
        assert turns.free

    during(play)


def test_after_a_long_one_the_next_waits_for_a_turn_of_the_loop() -> None:
    async def play(turns: Turns) -> None:
        turns.took(100, LONG)
        assert not turns.free
        await turns.wait(100)
        assert turns.waiting == 0

    during(play)


def test_turns_are_given_in_order_and_one_at_a_time() -> None:
    order: list[int] = []

    async def one(turns: Turns, number: int) -> None:
        await turns.wait(100)
        order.append(number)
        turns.took(100, 0.001)

    async def play(turns: Turns) -> None:
        turns.took(100, 0.001)
        await asyncio.gather(*(one(turns, number) for number in range(5)))

    during(play)
    assert order == [0, 1, 2, 3, 4]


def test_between_two_turns_the_loop_looks_at_what_has_come() -> None:
    seen: list[str] = []

    async def one(turns: Turns, name: str) -> None:
        await turns.wait(100)
        seen.append(name)
        turns.took(100, LONG)

    async def play(turns: Turns) -> None:
        turns.took(100, LONG)
        work = asyncio.gather(one(turns, "first"), one(turns, "second"))
        while "first" not in seen:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(seen.append, "looked")
        await work

    during(play)
    assert seen == ["first", "looked", "second"]


def test_who_would_wait_longer_than_promised_is_refused() -> None:
    async def one(turns: Turns) -> str:
        await turns.wait(100)
        turns.took(100, 0.010)
        return "predicted"

    async def play(turns: Turns) -> None:
        turns.took(100, 0.010)
        ended = await asyncio.gather(*(one(turns) for _ in range(5)), return_exceptions=True)
        # One at once, one behind nobody, one behind 10 ms; the next would stand behind 20 ms and take 10 itself.
        assert ended[:3] == ["predicted"] * 3
        assert [round(error.seconds, 6) for error in ended[3:] if isinstance(error, OverloadedError)] == [0.04, 0.04]

    during(play, longest_wait=0.030)


def test_who_gives_up_makes_room_and_keeps_nobody_waiting() -> None:
    async def play(turns: Turns) -> None:
        turns.took(100, LONG)
        first, second = asyncio.ensure_future(turns.wait(100)), asyncio.ensure_future(turns.wait(100))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait_for(second, 1)
        turns.took(100, 0.0)
        await asyncio.sleep(0)
        assert turns.free

    during(play)


def test_one_interrupted_prediction_does_not_make_the_model_look_slow() -> None:
    turns = Turns(0.025)

    async def play() -> None:
        for seconds in (0.0001, 0.5):
            turns.took(100, seconds)
        assert turns._cost(100) < 0.0002
        for _ in range(60):
            turns.took(100, 0.5)
        assert turns._cost(100) > 0.4

    asyncio.run(play())


def test_a_size_never_seen_costs_what_the_next_one_costs() -> None:
    turns = Turns(0.025)

    async def play() -> None:
        assert turns._cost(100) == 0
        turns.took(100, 0.002)
        assert turns._cost(50_000) == turns._cost(3) == 0.002

    asyncio.run(play())
