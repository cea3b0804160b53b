"""What the demo registers of its live nodes for the checks.

Owns: the profile of a node's layout.
"""

from __future__ import annotations

from agent.wire.profile import CertificateSpec, LogSpec, NodeProfile, WatchedFile
from bot.app.demo.certificate import NAME
from bot.app.demo.nodes import LiveNode


def profile_of(node: LiveNode) -> NodeProfile:
    """Its disk, its log, the folder of logs that may be cleared, the files that must not change,
    and the certificate of the balancer."""
    layout = node.layout
    certificates: tuple[CertificateSpec, ...] = ()
    if node.tls_port is not None:
        path = str(layout.certificate)
        certificates = (CertificateSpec(path=path, port=node.tls_port, server_name=NAME),)
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
        certificates=certificates,
    )
