"""A node that is a folder on this machine, and what an operation left there or refused."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import pytest

from agent.operations.context import OperationFailed
from agent.wire.plan import NodeTarget
from tests.fakes.agent import FakeNode, a_target


@pytest.fixture
def target(tmp_path: Path) -> NodeTarget:
    return a_target(tmp_path)


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def fill(root: Path, bodies: dict[str, bytes]) -> None:
    for path, body in bodies.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body)


async def code(awaitable: Awaitable[object]) -> str:
    with pytest.raises(OperationFailed) as failed:
        await awaitable
    return failed.value.code
