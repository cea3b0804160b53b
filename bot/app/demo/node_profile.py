"""What the demo registers of its live nodes for the checks.

Owns: the profile of a node's layout.
"""

from __future__ import annotations

from agent.wire.profile import LogSpec, NodeProfile, WatchedFile
from bot.app.demo.nodes import NodeLayout


def profile_of(layout: NodeLayout) -> NodeProfile:
    """Its disk, its log, the folder of logs that may be cleared, the files that must not change."""
    home = layout.service_home
    watched = [home / "conf" / "nginx.conf"] if layout.balances else [layout.node_properties]
    scripts = [home / "bin" / "startup.sh", home / "bin" / "shutdown.sh"]
    return NodeProfile(
        disks=(str(layout.folder),),
        logs=(LogSpec(name=layout.log_path.stem, path=str(layout.log_path)),),
        clearable=(str(home / "logs"),),
        watched=(
            *(WatchedFile(path=str(file), diff=True) for file in watched),
            *(WatchedFile(path=str(file)) for file in scripts),
        ),
    )
