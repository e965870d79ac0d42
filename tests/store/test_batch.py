"""What one turn asks, as one statement."""

from __future__ import annotations

import asyncio

import pytest

from roost.core.ports import StoreUnavailable
from roost.store.batch import Batch, Full


def test_items_of_a_turn_go_together_and_later_ones_in_the_next(run):
    async def play():
        runs, began, gate = [], asyncio.Event(), asyncio.Event()

        async def work(items):
            runs.append(list(items))
            began.set()
            await gate.wait()
            return [item * 2 for item in items]

        batch = Batch(work, most=3, waiting=100)
        first = [batch.add(number) for number in range(2)]
        await began.wait()
        later = [batch.add(number) for number in range(2, 7)]
        gate.set()
        assert await asyncio.gather(*first, *later) == [0, 2, 4, 6, 8, 10, 12]
        assert runs == [[0, 1], [2, 3, 4], [5, 6]]

    run(play())


def test_a_failure_answers_everyone_and_the_next_batch_goes_on(run):
    async def play():
        async def work(items):
            if items[0] < 0:
                raise OSError("away")
            return items

        batch = Batch(work, most=10, waiting=10)
        outcomes = await asyncio.gather(batch.add(-1), batch.add(1), return_exceptions=True)
        assert [type(one) for one in outcomes] == [OSError, OSError]
        assert await batch.add(5) == 5

    run(play())


def test_what_waits_is_bounded(run):
    async def play():
        async def work(items):
            return items

        batch = Batch(work, most=1, waiting=2)
        futures = [batch.add(1), batch.add(2)]
        with pytest.raises(StoreUnavailable):  # which those who ask are ready for
            batch.add(3)
        assert await asyncio.gather(*futures) == [1, 2]

    run(play())


def test_the_size_of_each_statement_is_counted_and_who_was_turned_away(run):
    async def play():
        async def work(items):
            return items

        batch = Batch(work, most=2, waiting=3)
        futures = [batch.add(number) for number in range(3)]
        with pytest.raises(Full):
            batch.add(3)
        await asyncio.gather(*futures)
        assert (sum(batch.rows.counts), batch.rows.sum, batch.refused) == (2, 3, 1)

    run(play())
