"""Taking a server out of the balancer and putting it back.

Owns: drain_member. The upstream file changes by one atomic rename, must pass nginx's own check,
and goes back to its old bytes when it does not.
"""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator

from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.upstream import LastMember, MemberMissing, set_member
from agent.transports.transport import Output, Transport
from agent.wire.operations import DrainMember
from agent.wire.plan import BalancerSpec
from agent.wire.results import Done

_FILE_LIMIT = 1 << 20  # bytes
_COMMAND_S = 30.0
_LINES = 10


async def drain(context: StepContext, operation: DrainMember) -> Done:
    """Set the member ``down`` or up, check, reload.

    nginx is reloaded even when the file is as wished already: after an interruption only the
    file tells, not whether nginx has read it.

    Raises:
        OperationFailed: ``balancer_missing``, ``member_missing``, ``last_member``,
            ``syntax_check_failed`` (the old file is back), ``reload_failed`` (it is back too).
    """
    balancer = context.target.balancer
    if balancer is None:
        raise OperationFailed("balancer_missing")
    async with context.server() as server:
        path = await _real_path(server, balancer)
        old = await _read(server, path)
        new = _edited(old, operation)
        if new != old:
            await _write(server, path, new, context.job_id)
        await _activate(context, server, path=path, old=old if new != old else None)
    return Done(note="" if new != old else f"already_{operation.state}")


async def is_drained(context: StepContext, operation: DrainMember) -> Verified:
    """The file cannot tell whether nginx has read it, and doing it again is harmless."""
    return Verified.NOT_DONE


async def _activate(
    context: StepContext, server: Transport, *, path: str, old: bytes | None
) -> None:
    """Check and reload; when either fails, put the old bytes back."""
    balancer = context.target.balancer
    assert balancer is not None  # noqa: S101  drain has checked
    check = await _nginx(server, balancer, "-t")
    context.output.extend(check.lines())
    reload = await _nginx(server, balancer, "-s", "reload") if check.status == 0 else None
    context.output.extend(reload.lines() if reload is not None else ())
    if reload is not None and reload.status == 0:
        return
    if old is not None:
        await _write(server, path, old, context.job_id)
    failed, code = (check, "syntax_check_failed") if reload is None else (reload, "reload_failed")
    raise OperationFailed(code, path=path, lines=failed.lines()[-_LINES:])


def _edited(old: bytes, operation: DrainMember) -> bytes:
    # latin-1 maps every byte to one character and back: whatever the charset, all else is kept.
    try:
        return set_member(old.decode("latin-1"), operation.member, operation.state).encode(
            "latin-1"
        )
    except MemberMissing as error:
        raise OperationFailed("member_missing", member=operation.member) from error
    except LastMember as error:
        raise OperationFailed("last_member", member=operation.member) from error


async def _nginx(server: Transport, balancer: BalancerSpec, *arguments: str) -> Output:
    program = posixpath.join(balancer.home, "sbin/nginx")
    return await server.run([program, *arguments], timeout_s=_COMMAND_S)


async def _real_path(server: Transport, balancer: BalancerSpec) -> str:
    """Where the file really lies: renaming onto a link would replace the link."""
    entry = await server.files.stat(balancer.upstream_file)
    if entry is not None and entry.kind == "link" and entry.real:
        return entry.real
    if entry is None or entry.kind != "file":
        raise OperationFailed("path_missing", path=balancer.upstream_file)
    return balancer.upstream_file


async def _read(server: Transport, path: str) -> bytes:
    body = await server.read(path, limit=_FILE_LIMIT)
    if len(body) >= _FILE_LIMIT:
        raise OperationFailed("file_too_large", path=path)
    return body


async def _write(server: Transport, path: str, body: bytes, job_id: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    entry = await server.files.stat(path)
    draft = f"{path}.guardia-{job_id}"  # no include pattern of nginx ends like that
    await server.put(pieces(), draft)
    await server.files.rename(draft, path, mode=entry.mode if entry else 0o644)
