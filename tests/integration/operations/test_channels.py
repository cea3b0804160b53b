"""Queues of a broker, asked over its management API (made up: see tests/lab/broker.py)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.operations import channels
from agent.operations.context import OperationFailed, StepContext
from agent.wire.checks import ReadChannels
from agent.wire.plan import ServiceLogin
from agent.wire.profile import NodeProfile, QueueSpec
from agent.wire.readings import Reading, Threshold
from tests.fakes.agent import FakeNode, a_context, a_target
from tests.lab import Broker, Lab
from tests.lab.broker import queue
from tests.lab.ports import free_port

ORDER = ReadChannels(depth=Threshold(warning=500, critical=2000))


@pytest.fixture(scope="module")
def one_broker(module_lab: Lab) -> Broker:
    return module_lab.broker()


@pytest.fixture
def broker(one_broker: Broker) -> Broker:
    one_broker.queues, one_broker.body, one_broker.status = [], None, 200
    one_broker.asked.clear()
    return one_broker


def context(broker: Broker, tmp_path: Any, **changes: Any) -> StepContext:
    values: dict[str, Any] = {"spec": broker.spec(), "login": broker.login, **changes}
    profile = NodeProfile(queue=values["spec"])
    target = a_target(tmp_path, host=broker.host, profile=profile)
    return replace(a_context(target, FakeNode()), queue=values["login"])


def table(reading: Reading) -> list[tuple[object, ...]]:
    grid = reading.grid("queues")
    assert grid is not None
    return [(*row.cells, row.level) for row in grid.rows]


async def test_queues_that_are_heard_and_shallow_are_normal(broker: Broker, tmp_path: Any) -> None:
    broker.queues = [queue("q.order", messages=12), queue("q.qc", consumers=2)]
    reading = await channels.read(context(broker, tmp_path), ORDER)
    assert reading.level == "normal"
    assert table(reading) == [("q.order", 12, 0, 1, "normal"), ("q.qc", 0, 0, 2, "normal")]
    assert broker.asked == [
        "/api/queues?columns=name%2Cvhost%2Cstate%2Cmessages%2Cmessages_ready"
        "%2Cmessages_unacknowledged%2Cconsumers"
    ]


async def test_depth_and_missing_listeners_put_a_queue_on_top(
    broker: Broker, tmp_path: Any
) -> None:
    broker.queues = [
        queue("q.fine", messages=499),
        queue("q.deep", messages=500),
        queue("q.deaf"),
        queue("q.flood", messages=2000),
        queue("q.lost", messages=3, consumers=0),
    ]
    broker.queues[2]["consumers"] = 0
    reading = await channels.read(context(broker, tmp_path), ORDER)
    assert reading.level == "critical"
    assert [(row[0], row[-1]) for row in table(reading)] == [
        ("q.flood", "critical"),
        ("q.lost", "critical"),
        ("q.deep", "warning"),
        ("q.deaf", "warning"),
        ("q.fine", "normal"),
    ]
    deaf = reading.fact("without_listener")
    assert deaf is not None
    assert (deaf.value, deaf.level) == (2, "critical")


async def test_a_broker_without_queues_says_so(broker: Broker, tmp_path: Any) -> None:
    reading = await channels.read(context(broker, tmp_path), ORDER)
    assert [remark.code for remark in reading.remarks] == ["no_queues"]


async def test_a_queue_of_which_nothing_is_known_yet_is_unknown(
    broker: Broker, tmp_path: Any
) -> None:
    broker.queues = [{"name": "q.new", "vhost": "mes"}]
    reading = await channels.read(context(broker, tmp_path), ORDER)
    assert table(reading) == [("mes/q.new", None, None, None, "unknown")]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"not json", 200, "broker_answer_invalid"),
        (b'{"error": "x"}', 200, "broker_answer_invalid"),
        (json.dumps([{"name": "q", "messages": -1}]).encode(), 200, "broker_answer_invalid"),
        (json.dumps([{"name": "q", "messages": 10**400}]).encode(), 200, "broker_answer_invalid"),
        (b"[" * 100_000, 200, "broker_answer_invalid"),
        (b" " * (5 << 20), 200, "broker_answer_invalid"),
        (b"{}", 403, "broker_refused"),
        (b"{}", 302, "broker_refused"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_readable_failure(
    broker: Broker, tmp_path: Any, body: bytes, status: int, code: str
) -> None:
    broker.body, broker.status = body, status
    with pytest.raises(OperationFailed) as failed:
        await channels.read(context(broker, tmp_path), ORDER)
    assert failed.value.code == code


async def test_a_refused_login_an_unreachable_broker_and_a_missing_login_differ(
    broker: Broker, tmp_path: Any
) -> None:
    wrong = ServiceLogin(user=broker.login.user, password="hunter2")
    away = QueueSpec(port=free_port(broker.host))
    codes, told = [], ""
    for changes in ({"login": wrong}, {"spec": away}, {"login": None}, {"spec": None}):
        with pytest.raises(OperationFailed) as failed:
            await channels.read(context(broker, tmp_path, **changes), ORDER)
        codes.append(failed.value.code)
        told += f"{failed.value!r}"
    assert codes == [
        "broker_login_refused",
        "broker_unreachable",
        "broker_login_missing",
        "not_in_profile",
    ]
    assert "hunter2" not in told
    assert broker.host not in told


async def test_names_of_queues_are_one_printable_line(broker: Broker, tmp_path: Any) -> None:
    broker.queues = [queue("q\n\x1b[31m<script>\u202e" + "x" * 300)]
    reading = await channels.read(context(broker, tmp_path), ORDER)
    name = str(table(reading)[0][0])
    assert name.isprintable()
    assert len(name) == 80
