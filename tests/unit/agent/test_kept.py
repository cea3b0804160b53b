"""Connections kept between steps: used again while they live, never shared, never doubtful."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.transports.kept import KeptConnections
from agent.transports.transport import TransportError
from agent.wire.plan import NodeAccess, PasswordLogin
from tests.fakes.agent import FakeNode, a_target


def an_access(folder: Path, password: str = "pw") -> NodeAccess:
    return NodeAccess(target=a_target(folder), login=PasswordLogin(password=password))


async def use(kept: KeptConnections, access: NodeAccess) -> None:
    async with kept.connect(access) as server:
        await server.files.stat("/")


async def test_logs_in_once_for_steps_that_follow_each_other(tmp_path: Path) -> None:
    node = FakeNode()
    kept = KeptConnections(node.connect)
    for _ in range(3):
        await use(kept, an_access(tmp_path))
    assert (node.logins, node.inside) == (1, 1)
    await kept.close()
    assert node.inside == 0


async def test_two_at_once_have_a_connection_each(tmp_path: Path) -> None:
    node = FakeNode()
    kept = KeptConnections(node.connect)
    access = an_access(tmp_path)
    async with kept.connect(access), kept.connect(access):
        assert node.inside == 2
    assert node.logins == 2
    await use(kept, access)
    assert node.logins == 2
    await kept.close()


async def test_another_login_is_another_connection(tmp_path: Path) -> None:
    node = FakeNode()
    kept = KeptConnections(node.connect)
    await use(kept, an_access(tmp_path))
    await use(kept, an_access(tmp_path, password="other"))
    assert node.logins == 2
    await kept.close()


@pytest.mark.parametrize("error", [TransportError("connection_lost"), asyncio.CancelledError()])
async def test_is_not_kept_after_a_bad_end(tmp_path: Path, error: BaseException) -> None:
    node = FakeNode()
    kept = KeptConnections(node.connect)
    with pytest.raises(type(error)):
        async with kept.connect(an_access(tmp_path)):
            raise error
    assert node.inside == 0
    await use(kept, an_access(tmp_path))
    assert node.logins == 2
    await kept.close()


async def test_one_that_does_not_answer_any_more_is_replaced(tmp_path: Path) -> None:
    node = FakeNode()
    kept = KeptConnections(node.connect)
    access = an_access(tmp_path)
    await use(kept, access)

    async def gone(path: str) -> None:
        del node.transport.files.stat  # the next connection answers again
        raise TransportError("connection_lost")

    node.transport.files.stat = gone
    await use(kept, access)
    assert (node.logins, node.inside) == (2, 1)
    await kept.close()


async def test_is_closed_when_nobody_comes_back(tmp_path: Path) -> None:
    node = FakeNode()
    kept = KeptConnections(node.connect, idle_s=0.01)
    await use(kept, an_access(tmp_path))
    async with asyncio.timeout(10):
        while node.inside:
            await asyncio.sleep(0.01)
    assert (node.logins, node.inside) == (1, 0)
    await kept.close()
