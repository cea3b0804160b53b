"""Is a node there, and does its service answer: everything that can be asked from outside.

Owns: check_node and check_layer, and what counts as well. What does not answer is a finding with
its level, and never a failure of the step: whatever else answers is found out all the same.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agent.operations.context import StepContext
from agent.operations.net import http_status, port_open
from agent.operations.ping import Echo, ping
from agent.operations.process import listener_pid, living_pid
from agent.transports.transport import TransportError
from agent.wire.checks import CheckLayer, CheckNode
from agent.wire.plan import NodeTarget
from agent.wire.readings import Fact, Level, Reading, Remark, worst

# Their port speaks a protocol of its own: HTTP is not asked of them.
_DATABASES = frozenset(
    {"postgresql", "postgres", "oracle", "tibero", "altibase", "cubrid", "mysql", "mariadb", "db2"}
)
_PROXY_FAILURES = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Login:
    """How the login went. ``code``: why it did not, of the transport; ``process`` word or None."""

    milliseconds: int | None
    code: str = ""
    process: str | None = None
    looked: bool = True  # for the process: over FTP nothing can be seen of it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """What the service's port and its health page answered. ``asked``: there is such a page."""

    milliseconds: int | None
    status: int | None
    asked: bool


async def check_node(context: StepContext, operation: CheckNode) -> Reading:
    """Facts port, health_page, login, process, ping (where the profile allows it).

    Critical: the service does not answer, or the server is not the one that was registered.
    Warning: it serves, but something beside it does not.
    """
    target = context.target
    echo, login, service = await asyncio.gather(
        _ping(target), _log_in(context), _ask(target, target.service.health_path)
    )
    is_open = service.milliseconds is not None
    facts = (
        *_service_facts(service),
        *_login_facts(login, is_open=is_open),
        *_echo_facts(echo),
    )
    remarks = _remarks(echo, login, service)
    levels: list[Level] = [*(fact.level for fact in facts), *(said.level for said in remarks)]
    return Reading(level=worst(*levels), facts=facts, remarks=remarks)


async def check_layer(context: StepContext, operation: CheckLayer) -> Reading:
    """Facts port and health_page of this node's own service, asked from where the agent stands.

    An answer that names what stands behind (502, 503, 504) comes from a server that lives itself:
    a warning, since the fault is elsewhere.
    """
    service = await _ask(context.target, operation.path)
    facts = _service_facts(service)
    remarks = _service_remarks(service)
    if service.status in _PROXY_FAILURES:
        page = Fact(name="health_page", value=service.status, level="warning")
        facts = (*(fact for fact in facts if fact.name != "health_page"), page)
        values = {"status": str(service.status)}
        remarks = (Remark(code="behind_silent", values=values, level="warning"),)
    return Reading(level=worst(*(fact.level for fact in facts)), facts=facts, remarks=remarks)


# --- asking --------------------------------------------------------------------------------------


async def _ping(target: NodeTarget) -> Echo | None:
    """None: the site has not said that ICMP reaches this node."""
    return await ping(target.host) if target.profile.ping else None


async def _log_in(context: StepContext) -> _Login:
    loop = asyncio.get_running_loop()
    began = loop.time()
    took: int | None = None
    try:
        async with context.server() as server:
            took = round((loop.time() - began) * 1000)
            service = context.target.service
            if context.target.transfer == "ftp":
                return _Login(milliseconds=took, looked=False)
            pid = await living_pid(server, service)
            if pid is None:
                pid = await listener_pid(server, service.port)
            return _Login(milliseconds=took, process="running" if pid else None)
    except TransportError as error:
        return _Login(milliseconds=took, code=error.code)


async def _ask(target: NodeTarget, path: str) -> _Service:
    loop = asyncio.get_running_loop()
    began = loop.time()
    if not await port_open(target.host, target.service.port):
        return _Service(milliseconds=None, status=None, asked=_has_page(target))
    took = round((loop.time() - began) * 1000)
    if not _has_page(target):
        return _Service(milliseconds=took, status=None, asked=False)
    status = await http_status(target.host, target.service.port, path)
    return _Service(milliseconds=took, status=status, asked=True)


def _has_page(target: NodeTarget) -> bool:
    database = target.profile.database
    if database is not None and database.port == target.service.port:
        return False
    return target.service.name.lower() not in _DATABASES


# --- judging -------------------------------------------------------------------------------------


def _echo_facts(echo: Echo | None) -> tuple[Fact, ...]:
    if echo is None:
        return ()
    if echo.state == "answered":
        return (Fact(name="ping", value=echo.milliseconds, unit="milliseconds"),)
    if echo.state == "silent":
        return (Fact(name="ping", value="no_answer", unit="word", level="warning"),)
    # Nothing follows for the node from a bastion that cannot ping.
    return (Fact(name="ping", value=None, unit="milliseconds"),)


def _login_facts(login: _Login, *, is_open: bool) -> tuple[Fact, ...]:
    """Of a service that answers, a process that cannot be told (another account's) means
    nothing; of one that does not, that there is none to be seen says where to begin."""
    if login.milliseconds is None:
        word = "no_answer" if login.code == "unreachable" else "refused"
        return (Fact(name="login", value=word, unit="word", level="warning"),)
    took = Fact(name="login", value=login.milliseconds, unit="milliseconds")
    if login.code or not login.looked:
        return (took,)
    process = login.process or (None if is_open else "not_found")
    return (took, Fact(name="process", value=process, unit="word"))


def _service_facts(service: _Service) -> tuple[Fact, ...]:
    if service.milliseconds is None:
        return (Fact(name="port", value="closed", unit="word", level="critical"),)
    port = Fact(name="port", value=service.milliseconds, unit="milliseconds")
    if not service.asked:
        return (port,)
    if service.status is None:
        page = Fact(name="health_page", value="no_answer", unit="word", level="critical")
    else:
        page = Fact(name="health_page", value=service.status, level=_page_level(service.status))
    return (port, page)


def _page_level(status: int) -> Level:
    if status >= 500:
        return "critical"
    return "normal" if 200 <= status <= 399 else "warning"


def _remarks(echo: Echo | None, login: _Login, service: _Service) -> tuple[Remark, ...]:
    """What a person has to know beyond the numbers, the worst first."""
    if login.code == "unreachable" and service.milliseconds is None:
        reached = echo is not None and echo.state == "answered"
        code = "only_ping_answers" if reached else "nothing_answers"
        return (Remark(code=code, level="critical"),)
    found: list[Remark] = []
    if login.code:
        found.append(_login_remark(login.code))
    found += _service_remarks(service)
    if echo is not None and echo.state == "unknown":
        found.append(Remark(code="ping_unavailable"))
    return tuple(found)


def _login_remark(code: str) -> Remark:
    """A server that shows another key than the registered one may be somebody else's."""
    known = {"unreachable", "host_key_changed", "login_refused", "legacy_needed", "silence"}
    level: Level = "critical" if code == "host_key_changed" else "warning"
    return Remark(code=f"login_{code}" if code in known else "login_cut_off", level=level)


def _service_remarks(service: _Service) -> tuple[Remark, ...]:
    if service.milliseconds is None:
        return (Remark(code="port_closed", level="critical"),)
    if service.asked and service.status is None:
        return (Remark(code="no_http", level="critical"),)
    return ()
