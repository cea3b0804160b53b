"""Whose the files will be: what a deployment says of owners and groups that it cannot keep.

Owns: that warning. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actions.files import digests_of, to_send
from actions.nodes import listed, note, wire_of
from agent.wire.results import Result
from bot.core.domain.estate import Node
from bot.core.domain.plan import FileChange, Note


def owner_warnings(
    nodes: Sequence[Node],
    files: Sequence[FileChange],
    facts: Mapping[tuple[str, int], Result],
) -> list[Note]:
    """One sentence for each owner that replaced files have now and will not have then.

    Raises:
        OperationError: a node has not been read (``survey_incomplete``).
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for node in nodes:
        owners = digests_of(node.node_id, facts).not_kept
        for file in to_send(files, node.node_id):
            if file.path in owners:
                key = (owners[file.path], wire_of(node).user)
                found.setdefault(key, {}).setdefault(node.node_id, file.path)
    return [
        note(
            "warnings.group_lost" if ":" in owner else "warnings.owner_lost",
            nodes=listed(list(examples)),
            example=next(iter(examples.values())),
            owner=owner,
            user=user,
        )
        for (owner, user), examples in found.items()
    ]
