"""The process behind a node's service: found by its pid file, its unit or its port.

Owns: where a pid is looked for, and whether it lives. Where nothing can be run and nothing was
written down, the answer is None, which proves nothing.
"""

from __future__ import annotations

import posixpath
import re

from agent.transports.transport import Transport, TransportError
from agent.wire.plan import ServiceSpec

_COMMAND_S = 10.0
_MAIN_PID = re.compile(r"^MainPID=([1-9][0-9]*)$", re.MULTILINE)
_LISTENER = re.compile(r"\bpid=([1-9][0-9]*)\b")
_PID_LIMIT = 32  # bytes


async def living_pid(server: Transport, service: ServiceSpec) -> int | None:
    """The process that the pid file or the systemd unit names, if it lives."""
    if service.kind == "systemd":
        return await _unit_pid(server, service)
    for name in (f"{service.name}.pid", "tomcat.pid"):
        for folder in ("run", "temp"):
            pid = await _read_pid(server, posixpath.join(service.home, folder, name))
            if pid is not None and await is_alive(server, pid):
                return pid
    return None


async def is_running(server: Transport, service: ServiceSpec) -> bool:
    """Whether there is a process of the service, by its pid file or unit, or as the site's own
    program says. One that does not end in time says nothing."""
    if service.commands is None:
        return await living_pid(server, service) is not None
    try:
        output = await server.run([service.commands.status], timeout_s=_COMMAND_S)
    except TransportError as error:
        if error.code not in {"no_shell", "timeout", "silence"}:
            raise
        return await living_pid(server, service) is not None
    return output.status == 0


async def is_alive(server: Transport, pid: int) -> bool:
    """Whether there is a process of that number."""
    return await server.files.stat(f"/proc/{pid}") is not None


async def listener_pid(server: Transport, port: int) -> int | None:
    """The process that listens at the port, as far as ``ss`` tells our login."""
    try:
        output = await server.run(
            ["ss", "-H", "-l", "-n", "-t", "-p", f"sport = :{port}"], timeout_s=_COMMAND_S
        )
    except TransportError as error:
        if error.code not in {"no_shell", "timeout", "silence"}:
            raise
        return None
    found = _LISTENER.search(output.stdout) if output.status == 0 else None
    return int(found[1]) if found else None


async def _unit_pid(server: Transport, service: ServiceSpec) -> int | None:
    try:
        output = await server.run(
            ["systemctl", "show", "--property=MainPID", "--", service.name], timeout_s=_COMMAND_S
        )
    except TransportError as error:
        if error.code != "no_shell":
            raise
        return None
    found = _MAIN_PID.search(output.stdout)
    return int(found[1]) if found else None


async def _read_pid(server: Transport, path: str) -> int | None:
    try:
        text = (await server.read(path, limit=_PID_LIMIT)).decode("ascii", "replace").strip()
    except TransportError as error:
        if error.code not in {"not_found", "permission_denied"}:
            raise
        return None
    return int(text) if text.isdigit() and text.isascii() else None
