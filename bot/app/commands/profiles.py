"""``guardia profile show NODE``: what the checks may touch on a node.

Owns: saying it. Nothing is changed here: profiles come with the estate's files, and are sealed
together with the node's login.
"""

from __future__ import annotations

from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_database
from bot.core.errors import UserError
from cmdb.importers.profile_files import profile_table
from cmdb.inventory import SqlInventory


async def show_profile(settings: GuardiaSettings, node_id: str) -> str:
    """The node's profile, as ``profiles.toml`` has it.

    Raises:
        UserError: no such node, or it is not connected.
    """
    async with open_database(settings) as engine:
        nodes = await SqlInventory(engine).nodes([node_id])
    if not nodes:
        raise UserError("profile_node_unknown", node=node_id)
    wire = nodes[0].wire
    if wire is None:
        raise UserError("profile_node_unconnected", node=node_id)
    return profile_table(node_id, wire.profile).rstrip()
