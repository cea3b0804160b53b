"""Reading the small texts of ``/proc`` on a server.

Owns: the way there: as a file, or, where an SFTP server shows only a part of the machine, with
``cat``. Understands none of them.
"""

from __future__ import annotations

from agent.operations.context import OperationFailed, StepContext
from agent.transports.transport import Transport, TransportError

TEXT_LIMIT = 64 * 1024  # bytes; of /proc/stat the interrupts come after what is asked for
_CAT_S = 10.0
_NOT_SHOWN = frozenset({"not_found", "permission_denied", "write_failed"})


def require_own_view(context: StepContext) -> None:
    """FTP shows files of one folder and nothing of the machine.

    Raises:
        OperationFailed: ``not_by_ftp``.
    """
    if context.target.transfer == "ftp":
        raise OperationFailed("not_by_ftp")


async def read_text(server: Transport, path: str) -> str | None:
    """The text, undecodable bytes marked; None: it is not there or not for us.

    Raises:
        TransportError: the line is gone.
    """
    try:
        return (await server.read(path, limit=TEXT_LIMIT)).decode("utf-8", "replace")
    except TransportError as error:
        if error.code not in _NOT_SHOWN:
            raise
    if not server.shell:
        return None
    said = await server.run(["cat", "--", path], timeout_s=_CAT_S)
    return said.stdout if said.status == 0 else None
