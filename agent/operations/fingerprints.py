"""What runs on the node now, as digests."""

from __future__ import annotations

from agent.operations.context import StepContext
from agent.operations.digests import fingerprint
from agent.wire.operations import Digests, FingerprintFiles


async def fingerprint_files(context: StepContext, operation: FingerprintFiles) -> Digests:
    """SHA-256 of each path below the deploy path; null where there is nothing.

    Raises:
        OperationFailed: ``path_missing``, ``path_escapes``, ``kind_conflict``, ``unreadable``.
    """
    async with context.server() as server:
        found = await fingerprint(
            server, context.target.deploy_path, operation.paths, context.report
        )
    return Digests(files=found)
