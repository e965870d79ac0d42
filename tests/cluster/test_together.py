"""Replies that are waited for together."""

from __future__ import annotations

from roost.cluster.together import Part, Together


def test_it_is_complete_with_the_last_reply_and_in_the_order_asked(run):
    async def play():
        together = Together(3)
        parts = [Part(together, at) for at in range(3)]
        parts[2](b"c")
        parts[0](b"a")
        assert not together.complete.done()
        parts[1](ValueError())
        await together.complete
        assert together.replies[0] == b"a"
        assert isinstance(together.replies[1], ValueError)
        assert together.replies[2] == b"c"

    run(play())
