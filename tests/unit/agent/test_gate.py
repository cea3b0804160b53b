"""The gate: side by side where nobody is in the way, never two at one place or under one lock."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gate import Gate


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A changing step that somebody asks for."""

    lock: str
    job_id: str
    node: str
    device: str | None
    turns: int  # of the event loop that it takes
    given_up: bool  # while it waits, or while it runs

    def places(self) -> set[str]:
        return {self.node} | ({self.device} if self.device else set())


WISHES = st.lists(
    st.builds(
        Wish,
        lock=st.sampled_from(["L1", "L2"]),
        job_id=st.sampled_from(["J1", "J2", "J3"]),
        node=st.sampled_from(["n1", "n2", "n3"]),
        device=st.sampled_from([None, None, "d1"]),
        turns=st.integers(0, 5),
        given_up=st.booleans(),
    ),
    max_size=14,
)


class Witness:
    """Runs wishes through one gate and looks at who is inside together."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.inside: list[Wish] = []
        self.most = 0
        self.ended = 0

    async def run(self, wish: Wish) -> None:
        async with self.gate.turn(lock=wish.lock, job_id=wish.job_id, places=wish.places()):
            for other in self.inside:
                assert not wish.places() & other.places()
                assert wish.lock != other.lock or wish.job_id == other.job_id
            self.inside.append(wish)
            self.most = max(self.most, len(self.inside))
            try:
                for _ in range(wish.turns):
                    await asyncio.sleep(0)
            finally:
                self.inside.remove(wish)
        self.ended += 1


@settings(max_examples=200, deadline=None)
@given(WISHES)
def test_nobody_is_ever_in_anothers_way_and_everybody_gets_a_turn(wishes: list[Wish]) -> None:
    async def all_at_once() -> None:
        witness = Witness()
        tasks = [asyncio.create_task(witness.run(wish)) for wish in wishes]
        for wish, task in zip(wishes, tasks, strict=True):
            await asyncio.sleep(0)
            if wish.given_up:
                task.cancel()
        async with asyncio.timeout(20):
            for wish, task in zip(wishes, tasks, strict=True):
                if wish.given_up:
                    with suppress(asyncio.CancelledError):
                        await task
                else:
                    await task
        assert witness.inside == []
        # Nothing is left that would keep the next one out.
        async with asyncio.timeout(20):
            everywhere = {"n1", "n2", "n3", "d1"}
            async with witness.gate.turn(lock="L1", job_id="J9", places=everywhere):
                pass

    asyncio.run(all_at_once())


async def test_steps_of_one_job_at_different_nodes_run_side_by_side() -> None:
    gate, together = Gate(), asyncio.Barrier(3)
    met: list[str] = []

    async def step(node: str) -> None:
        async with gate.turn(lock="L", job_id="J", places={node}):
            await together.wait()
            met.append(node)

    async with asyncio.timeout(20):
        await asyncio.gather(*(step(node) for node in ("n1", "n2", "n3")))
    assert sorted(met) == ["n1", "n2", "n3"]


async def test_a_job_that_waits_is_not_overtaken_by_the_one_that_it_waits_for() -> None:
    gate, order = Gate(), list[str]()
    release = asyncio.Event()

    async def step(job_id: str, node: str, *, hold: bool = False) -> None:
        async with gate.turn(lock="L", job_id=job_id, places={node}):
            order.append(f"{job_id} {node}")
            if hold:
                await release.wait()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for job_id, node, hold in (("J1", "n1", True), ("J2", "n2", False), ("J1", "n3", False)):
            group.create_task(step(job_id, node, hold=hold))
            await asyncio.sleep(0)
        assert order == ["J1 n1"]
        release.set()
    assert order == ["J1 n1", "J2 n2", "J1 n3"]
