"""One watch over many sends: what takes too long ends, what does not is left alone, and a cancelled task stays so."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from prepaid.usecases import send_watch
from prepaid.usecases.send_watch import SendWatch

SOON_S, LONG_S = 0.05, 60.0


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> SendWatch:
    """Looks often."""
    monkeypatch.setattr(send_watch, "LOOK_EVERY_S", 0.01)
    return SendWatch()


async def forever() -> str:
    """No answer."""
    await asyncio.Event().wait()
    return "never"


async def test_what_takes_too_long_ends_and_the_others_go_on(watch: SendWatch) -> None:
    """N2, Y3: each wait has its own end; who is in time gives what was answered, and the same task may wait again."""
    looking, answer = asyncio.create_task(watch.run()), asyncio.Event()

    async def answered() -> str:
        await answer.wait()
        return "answered"

    async def twice() -> str:
        with pytest.raises(TimeoutError):
            await watch.within(SOON_S, forever())
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return await watch.within(LONG_S, answered())

    late = [asyncio.create_task(watch.within(SOON_S, forever())) for _ in range(3)]
    in_time = asyncio.create_task(watch.within(LONG_S, answered()))
    again = asyncio.create_task(twice())
    ends = await asyncio.gather(*late, return_exceptions=True)
    assert all(isinstance(end, TimeoutError) for end in ends)
    answer.set()
    assert list(await asyncio.gather(in_time, again)) == ["answered", "answered"]
    looking.cancel()


async def test_a_task_that_is_called_off_is_not_taken_for_late(watch: SendWatch) -> None:
    """F4: a round that ends cancels what is under way, also in the very moment in which it is too late."""
    looking = asyncio.create_task(watch.run())
    called_off = asyncio.create_task(watch.within(LONG_S, forever()))
    both = asyncio.create_task(watch.within(0.0, forever()))
    await asyncio.sleep(0)
    called_off.cancel()
    watch._end_late(asyncio.get_running_loop().time() + 1)
    both.cancel()
    await asyncio.wait([called_off, both])
    assert called_off.cancelled()
    assert both.cancelled()
    looking.cancel()


async def test_trouble_of_the_channel_stays_what_it_is(watch: SendWatch) -> None:
    """N2: what a channel raises comes through, a `TimeoutError` of its own as well, and nothing is watched any more."""
    looking = asyncio.create_task(watch.run())

    async def fails(error: Exception) -> None:
        raise error

    for error in (ValueError("no"), TimeoutError("its own")):
        with pytest.raises(type(error), match=str(error)):
            await watch.within(LONG_S, fails(error))
    assert not watch._ends
    looking.cancel()


async def test_a_channel_that_will_not_end_keeps_no_other_from_ending(watch: SendWatch) -> None:
    """N2, Y3: it swallows being ended; those after it end all the same."""
    looking, let_go = asyncio.create_task(watch.run()), asyncio.Event()

    async def stubborn() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await let_go.wait()
        return "at last"

    async def and_once_more() -> str:
        found = await watch.within(SOON_S, stubborn())
        with pytest.raises(TimeoutError):
            await watch.within(SOON_S, forever())
        return found

    first = asyncio.create_task(and_once_more())
    second = asyncio.create_task(watch.within(2 * SOON_S, forever()))
    with pytest.raises(TimeoutError):
        await second
    let_go.set()
    assert await first == "at last"
    looking.cancel()
