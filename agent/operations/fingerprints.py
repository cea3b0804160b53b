"""What runs on the node now, as digests."""

from __future__ import annotations

from agent.operations.context import StepContext
from agent.operations.digests import describe
from agent.operations.ownership import not_kept
from agent.operations.paths import require_encodable
from agent.wire.operations import FingerprintFiles
from agent.wire.results import Digests


async def fingerprint_files(context: StepContext, operation: FingerprintFiles) -> Digests:
    """SHA-256 of each path below the deploy path; null where there is nothing.

    What is no plain file, or lies outside by way of a link, is named as a conflict; and so is the
    owner of a file that would be another one's once it is replaced.

    Raises:
        OperationFailed: ``path_missing``, ``unreadable``, ``name_not_encodable``.
    """
    require_encodable(context.target.charset, operation.paths)
    async with context.server() as server:
        root = context.target.deploy_path
        digests, plain = await describe(server, root, operation.paths, context.report)
        lost = await not_kept(server, root, plain)
        return digests.model_copy(update={"not_kept": lost})
