"""The live nodes of the demo: which they are and how their folders are laid out.

Owns: the list of live nodes and every path of a node. Must not know how a node is served.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from agent.wire.plan import Environment

DATA = Path(__file__).parent / "data"
LOOPBACK = "127.0.0.1"
BALANCER = "moef-budget-prod-web01"
BALANCED = ("moef-budget-prod-was01", "moef-budget-prod-was02")
# Connections a node's database grants: why the broken sample package starts on WAS 1 only.
POOL_MAX = {
    "moef-budget-prod-was01": 100,
    "moef-budget-prod-was02": 50,
    "moef-budget-dev-was01": 100,
}
LIVE = (BALANCER, *POOL_MAX)
_ENVIRONMENT: TypeAdapter[Environment] = TypeAdapter(Environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLayout:
    """One live node: its name, its account, and where everything is below ``folder``."""

    node_id: str
    env: Environment
    os_user: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a command on this node finds in its environment."""
        return {
            "PATH": f"{self.folder}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "LOGNAME": self.os_user,
        }

    @property
    def balances(self) -> bool:
        return self.node_id == BALANCER

    @property
    def budget(self) -> Path:
        return self.folder / "app" / "budget"

    @property
    def deploy_path(self) -> Path:
        return self.budget / ("htdocs" if self.balances else "webapps/ROOT")

    @property
    def backup_path(self) -> Path:
        return self.budget / "backup"

    @property
    def node_properties(self) -> Path:
        return self.budget / "conf" / "node.properties"

    @property
    def service(self) -> str:
        return "nginx" if self.balances else "tomcat"

    @property
    def service_home(self) -> Path:
        return self.folder / "app" / self.service

    @property
    def pid_file(self) -> Path:
        return self.service_home / "run" / f"{self.service}.pid"

    @property
    def log_path(self) -> Path:
        name = "error.log" if self.balances else "catalina.out"
        return self.service_home / "logs" / name

    @property
    def health_path(self) -> str:
        return "/" if self.balances else "/actuator/health"

    @property
    def upstream_file(self) -> Path:
        return self.service_home / "conf" / "upstream.conf"

    @property
    def logins(self) -> Path:
        """The processes of those who are logged in, a number a line."""
        return self.folder / "var" / "run" / "logins"

    @property
    def certificate(self) -> Path:
        """What the balancer shows at its TLS port; its key lies beside it."""
        return self.service_home / "conf" / "tls" / "budget.pem"

    @property
    def startup(self) -> Path:
        return self.service_home / "bin" / "startup.sh"

    @property
    def shutdown(self) -> Path:
        return self.service_home / "bin" / "shutdown.sh"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveNode:
    """A node as it is served now: its layout, its ports and its host key's fingerprint."""

    layout: NodeLayout
    ssh_port: int
    service_port: int
    host_key: str
    tls_port: int | None = None  # of the balancer

    @property
    def node_id(self) -> str:
        return self.layout.node_id

    @property
    def member(self) -> str:
        """The node as the balancer's upstream block writes it."""
        return f"{LOOPBACK}:{self.service_port}"


def live_layouts(folder: Path) -> tuple[NodeLayout, ...]:
    """The live nodes below the demo folder, with the account names that the CMDB has for them."""
    with (DATA / "servers.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["node_id"]: row for row in csv.DictReader(file)}
    nodes = folder.resolve() / "nodes"
    return tuple(
        NodeLayout(
            node_id=node_id,
            env=_ENVIRONMENT.validate_python(rows[node_id]["env"]),
            os_user=rows[node_id]["os_user"],
            folder=nodes / node_id,
        )
        for node_id in LIVE
    )
