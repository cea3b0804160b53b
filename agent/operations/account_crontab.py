"""The crontab of a node's own account, through ``crontab`` alone.

Owns: reading it exactly and replacing it. Never another account's, never root's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from agent.operations.context import OperationFailed
from agent.transports.transport import Output, Transport

_COMMAND_S = 30.0
_NO_SUCH_COMMAND = 127


async def read_crontab(server: Transport, *, exactly: bool = False) -> str:
    """Its text; empty where the account has none. ``exactly``: it will be written back.

    Raises:
        OperationFailed: ``cron_missing`` (no such command), ``cron_refused`` (the account may
            not use it), ``cron_not_text`` (it has bytes that could not be written back).
    """
    said = await server.run(["crontab", "-l"], timeout_s=_COMMAND_S)
    if said.status == 0:
        if exactly and not said.exact:
            raise OperationFailed("cron_not_text")
        return said.stdout
    if said.status == 1 and "no crontab for" in said.stderr:
        return ""
    raise _failed(said)


async def write_crontab(server: Transport, text: str, charset: str) -> None:
    """Replace it, by its text on standard input.

    Raises:
        OperationFailed: ``cron_missing``, ``cron_refused``; nothing has changed.
    """

    async def pieces() -> AsyncIterator[bytes]:
        yield text.encode(charset)

    said = await server.run(["crontab", "-"], timeout_s=_COMMAND_S, stdin=pieces())
    if said.status != 0:
        raise _failed(said)


async def require_ordinary(server: Transport, user: str) -> None:
    """The login is no root's, whatever it is called.

    Raises:
        OperationFailed: ``cron_root``.
    """
    said = await server.run(["id", "-u"], timeout_s=_COMMAND_S)
    if user == "root" or said.stdout.strip() == "0":
        raise OperationFailed("cron_root", user=user)


def _failed(said: Output) -> OperationFailed:
    if said.status == _NO_SUCH_COMMAND:
        return OperationFailed("cron_missing")
    return OperationFailed("cron_refused", lines=said.lines()[-5:])
