"""Queues of a message broker: how deep they are, and whether anybody listens.

Owns: read_channels, over RabbitMQ's management API (``GET /api/queues``). The second home of
httpx in the agent, beside ``devices``. Neither address nor password is ever in a result.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.operations.context import OperationFailed, StepContext
from agent.transports.output import plain
from agent.wire.checks import ReadChannels
from agent.wire.plan import ServiceLogin
from agent.wire.profile import QueueSpec
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, worst

_ANSWER_S = 5.0
_ANSWER_LIMIT = 4 << 20  # bytes
_NAME_MAX = 80
_ROWS = 500
# https://www.rabbitmq.com/docs/management: only these fields, so that the answer stays small.
_COLUMNS = "name,vhost,state,messages,messages_ready,messages_unacknowledged,consumers"
_Number = Annotated[int, Field(ge=0, lt=1 << 63)]  # a broker that says more makes it up


class _Queue(BaseModel):
    """A queue as the broker tells it; one that has just been made has no numbers yet."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    vhost: str = "/"
    state: str = ""
    messages: _Number | None = None
    messages_unacknowledged: _Number | None = None
    consumers: _Number | None = None


_ANSWER = TypeAdapter(list[_Queue])


async def read(context: StepContext, operation: ReadChannels) -> Reading:
    """Every queue, the worst first: by its depth, and by whether anybody listens to it.

    Without a listener a queue is a warning; with messages in it, critical.

    Raises:
        OperationFailed: ``not_in_profile``, ``broker_login_missing``, ``broker_unreachable``,
            ``broker_login_refused``, ``broker_refused``, ``broker_answer_invalid``.
    """
    spec, login = context.target.profile.queue, context.queue
    if spec is None:
        raise OperationFailed("not_in_profile", profile_field="queue")
    if login is None:
        raise OperationFailed("broker_login_missing")
    queues = _understood(await _asked(context.target.host, spec, login))
    judged = [(queue, operation.depth.level_of(queue.messages), _heard(queue)) for queue in queues]
    judged.sort(key=lambda one: _order(*one))
    level = worst(*(worst(depth, heard) for _, depth, heard in judged))
    return Reading(
        level=level,
        facts=_facts(judged),
        grids=(_grid(judged),) if judged else (),
        remarks=() if judged else (Remark(code="no_queues", level="normal"),),
    )


_Judged = tuple[_Queue, Level, Level]
_BADNESS: tuple[Level, ...] = ("critical", "warning", "unknown", "normal")


def _heard(queue: _Queue) -> Level:
    if queue.consumers is None:
        return "unknown"
    if queue.consumers:
        return "normal"
    return "critical" if queue.messages else "warning"


def _order(queue: _Queue, depth: Level, heard: Level) -> tuple[int, int, str]:
    return (_BADNESS.index(worst(depth, heard)), -(queue.messages or 0), queue.name)


def _facts(judged: list[_Judged]) -> tuple[Fact, ...]:
    alone = [queue for queue, _, _ in judged if queue.consumers == 0]
    deepest = max((queue.messages or 0 for queue, _, _ in judged), default=0)
    total = sum(queue.messages or 0 for queue, _, _ in judged)
    return (
        Fact(name="queues", value=len(judged), unit="count"),
        Fact(name="messages", value=total, unit="count"),
        Fact(
            name="deepest_queue",
            value=deepest,
            unit="count",
            level=worst(*(depth for _, depth, _ in judged)),
        ),
        Fact(
            name="without_listener",
            value=len(alone),
            unit="count",
            level=worst(*(heard for _, _, heard in judged)),
        ),
    )


def _grid(judged: list[_Judged]) -> Grid:
    columns = (
        Column(name="queue"),
        Column(name="depth", unit="count"),
        Column(name="unacknowledged", unit="count"),
        Column(name="listeners", unit="count"),
    )
    rows = tuple(
        Row(
            cells=(_name(queue), queue.messages, queue.messages_unacknowledged, queue.consumers),
            level=worst(depth, heard),
        )
        for queue, depth, heard in judged[:_ROWS]
    )
    return Grid(name="queues", columns=columns, rows=rows, more=max(0, len(judged) - _ROWS))


def _name(queue: _Queue) -> str:
    name = queue.name if queue.vhost == "/" else f"{queue.vhost}/{queue.name}"
    return plain(name)[:_NAME_MAX]


async def _asked(host: str, spec: QueueSpec, login: ServiceLogin) -> bytes:
    name = f"[{host}]" if ":" in host else host
    try:
        async with (
            httpx.AsyncClient(
                base_url=f"http://{name}:{spec.port}",
                auth=httpx.BasicAuth(login.user, login.password),
                timeout=_ANSWER_S,
                follow_redirects=False,  # a redirect would carry the password elsewhere
                trust_env=False,  # neither proxies nor ~/.netrc
            ) as client,
            client.stream("GET", spec.path, params={"columns": _COLUMNS}) as answer,
        ):
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise OperationFailed("broker_login_refused")
            if answer.status_code != httpx.codes.OK:
                raise OperationFailed("broker_refused", status=str(answer.status_code))
            return await _body(answer)
    except httpx.HTTPError as error:
        raise OperationFailed("broker_unreachable") from error


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _ANSWER_LIMIT:
            raise OperationFailed("broker_answer_invalid")
    return bytes(body)


def _understood(body: bytes) -> list[_Queue]:
    try:
        answer: Any = json.loads(body)
        return _ANSWER.validate_python(answer)
    except (ValueError, RecursionError, ValidationError) as error:
        raise OperationFailed("broker_answer_invalid") from error
