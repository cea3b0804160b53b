"""The demo's import folder for the CMDB: the estate's tables and how its live nodes are reached.

Owns: the files in it and their columns. Must not know how they are imported.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from agent.wire.plan import (
    BalancerSpec,
    KeyLogin,
    NodeAccess,
    NodeTarget,
    PasswordLogin,
    ServiceSpec,
)
from bot.app.demo.demo_settings import AGENT
from bot.app.demo.node_profile import profile_of
from bot.app.demo.nodes import BALANCED, BALANCER, DATA, LOOPBACK, LiveNode
from bot.app.demo.repository import FOLDER
from cmdb.importers.profile_files import profile_table

KNOWN_SUCCESS = "Server startup in"
WATCH_S = 3  # short, so that the demo stays quick
SYSTEM = "MOEF-BUDGET"  # the one whose nodes are live
# developer, operator, part leader and PM of the budget system
_PEOPLE = ("u032", "u010", "u031", "u013")
_ROOMS = (
    ("moef-budget-ops", "기재부 예산시스템 운영", _PEOPLE),
    ("notices", "운영 공지", _PEOPLE),
)


def target_of(node: LiveNode) -> NodeTarget:
    """The node as plans and access records name it."""
    layout = node.layout
    balancer = BalancerSpec(home=str(layout.service_home), upstream_file=str(layout.upstream_file))
    return NodeTarget(
        node_id=node.node_id,
        env=layout.env,
        host=LOOPBACK,
        port=node.ssh_port,
        user=layout.os_user,
        host_key=node.host_key,
        deploy_path=str(layout.deploy_path),
        backup_path=str(layout.backup_path),
        service=ServiceSpec(
            name=layout.service,
            kind="scripts",
            home=str(layout.service_home),
            port=node.service_port,
            health_path=layout.health_path,
            log_path=str(layout.log_path),
            log_success=None if layout.balances else KNOWN_SUCCESS,
            watch_s=0 if layout.balances else WATCH_S,
        ),
        balancer=balancer if layout.balances else None,
        profile=profile_of(node),
    )


def write_cmdb_folder(
    folder: Path,
    nodes: Sequence[LiveNode],
    logins: Mapping[str, PasswordLogin | KeyLogin],
    *,
    repository: str | None = None,
) -> None:
    """Write the whole import folder anew. The access records are readable by the owner only.

    ``repository``: the address of the live system's repository.
    """
    shutil.copytree(DATA, folder, dirs_exist_ok=True)
    _hand_over_system(folder / "systems.csv", repository=repository)
    targets = [target_of(node) for node in nodes]
    _write_table(folder / "connections.csv", (_connection(target) for target in targets))
    _write_table(
        folder / "balancers.csv",
        (
            {"web_node_id": BALANCER, "node_id": node.node_id, "member": node.member}
            for node in nodes
            if node.node_id in BALANCED
        ),
    )
    _write_table(
        folder / "rooms.csv",
        ({"room_id": room, "name": name, "members": "|".join(m)} for room, name, m in _ROOMS),
    )
    _write_table(
        folder / "channels.csv",
        [{"adapter": "web", "channel": _ROOMS[0][0], "system": SYSTEM}],
    )
    profiles = (profile_table(target.node_id, target.profile) for target in targets)
    (folder / "profiles.toml").write_text("\n".join(profiles), "utf-8")
    records = (
        NodeAccess(target=target, login=logins[target.node_id]).model_dump_json()
        for target in targets
    )
    access = folder / "access.jsonl"
    access.touch(mode=0o600)
    access.chmod(0o600)
    access.write_text("\n".join(records) + "\n", "utf-8")


def _connection(target: NodeTarget) -> dict[str, object]:
    service, balancer = target.service, target.balancer
    return {
        "node_id": target.node_id,
        "host": target.host,
        "ssh_port": target.port,
        "os_user": target.user,
        "host_key": target.host_key,
        "deploy_path": target.deploy_path,
        "backup_path": target.backup_path,
        "transfer": "sftp",
        "charset": target.charset,
        "service": service.name,
        "service_kind": service.kind,
        "service_home": service.home,
        "service_port": service.port,
        "health_path": service.health_path,
        "log_path": service.log_path,
        "log_success": service.log_success or "-",
        "watch_s": service.watch_s,
        "upstream_file": balancer.upstream_file if balancer else "",
        "balancer_home": balancer.home if balancer else "",
    }


def _hand_over_system(file: Path, *, repository: str | None) -> None:
    """The live nodes' system is reached by the demo's own agent, and has the repository."""
    with file.open(encoding="utf-8", newline="") as source:
        systems = list(csv.DictReader(source))
    for system in systems:
        live = system["code"] == SYSTEM
        if live:
            system["agent"] = AGENT
        if repository is not None:
            system["repository_url"] = repository if live else ""
            system["repository_folder"] = FOLDER if live else ""
    _write_table(file, systems)


def _write_table(file: Path, rows: Iterable[Mapping[str, object]]) -> None:
    table = list(rows)
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
