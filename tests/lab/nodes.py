"""Nodes of a made-up site: what a plan calls a target, with everything real behind it.

Owns: the layout of a node's folder, and the target and access record of each node. Builds them
by keyword, so that fields that targets gain later keep their defaults.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agent.wire.plan import (
    BalancerSpec,
    KeyLogin,
    LegacyAlgorithm,
    NodeAccess,
    NodeTarget,
    PasswordLogin,
)
from tests.lab.nginx import Nginx
from tests.lab.part import Ground, Part
from tests.lab.service import Service
from tests.lab.sshd import PLAIN, Sshd, SshdOptions
from tests.lab.tomcat import Tomcat
from tests.lab.vsftpd import Vsftpd

# What the profile of a node allows, by the profile of its server.
_ALLOWED: dict[str, tuple[LegacyAlgorithm, ...]] = {
    "": (),
    "rsa": ("kex", "cipher", "mac", "ssh-rsa"),
    "dss": ("kex", "cipher", "mac", "ssh-dss"),
}


@dataclass(frozen=True, kw_only=True)
class LabNode:
    """One server: an sshd, what runs on it, and the folders that deployments touch."""

    node_id: str
    sshd: Sshd
    service: Service | Tomcat | Nginx
    deploy_path: Path
    backup_path: Path
    balancer: BalancerSpec | None = None

    @property
    def member(self) -> str:
        """The node as the balancer's upstream block names it."""
        return f"{self.sshd.host}:{self.service.port}"

    def target(self, **changes: object) -> NodeTarget:
        """The node as a plan means it; ``port=cut.port`` leads through a TcpCut."""
        values: dict[str, object] = {
            "node_id": self.node_id,
            "env": "dev",
            "host": self.sshd.host,
            "port": self.sshd.port,
            "user": self.sshd.user,
            "host_key": self.sshd.host_key,
            "deploy_path": str(self.deploy_path),
            "backup_path": str(self.backup_path),
            "service": self.service.spec,
            "balancer": self.balancer,
            "legacy": _ALLOWED[self.sshd.options.legacy],
        }
        return NodeTarget.model_validate({**values, **changes})

    def access(
        self, *, login: KeyLogin | PasswordLogin | None = None, **changes: object
    ) -> NodeAccess:
        """The access record: by key unless another login is given."""
        return NodeAccess(target=self.target(**changes), login=login or self.sshd.key_login)

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file below the deploy path, by path, read from the disk."""
        return digests_below(self.deploy_path)


@dataclass(frozen=True, kw_only=True)
class FtpNode:
    """One server with FTP only. Its service runs, but nobody can restart it from outside."""

    node_id: str
    ftp: Vsftpd
    service: Service

    @property
    def deploy_path(self) -> Path:
        """On the disk; clients see another path of it in a jail."""
        return self.ftp.root / "htdocs"

    @property
    def backup_path(self) -> Path:
        return self.ftp.root / "backup"

    @property
    def member(self) -> str:
        return f"{self.ftp.host}:{self.service.port}"

    def target(self, **changes: object) -> NodeTarget:
        """The node as a plan means it, with the paths that FTP clients see."""
        values: dict[str, object] = {
            "node_id": self.node_id,
            "env": "dev",
            "host": self.ftp.host,
            "port": self.ftp.port,
            "user": self.ftp.user,
            "host_key": None,
            "deploy_path": f"{self.ftp.visible_root}/htdocs",
            "backup_path": f"{self.ftp.visible_root}/backup",
            "service": self.service.spec,
            "transfer": "ftp",
        }
        return NodeTarget.model_validate({**values, **changes})

    def access(self, **changes: object) -> NodeAccess:
        return NodeAccess(target=self.target(**changes), login=self.ftp.login)

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file below the deploy path, by path, read from the disk."""
        return digests_below(self.deploy_path)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The nodes of one system; ``web`` balances over them."""

    nodes: tuple[LabNode, ...]
    web: LabNode | None

    @property
    def nginx(self) -> Nginx:
        """The balancer.

        Raises:
            LookupError: this fleet has none.
        """
        if self.web is None or not isinstance(self.web.service, Nginx):
            raise LookupError("a fleet without a web node")
        return self.web.service

    @property
    def all_nodes(self) -> tuple[LabNode, ...]:
        return (*self.nodes, *((self.web,) if self.web else ()))

    def accesses(self) -> tuple[NodeAccess, ...]:
        return tuple(node.access() for node in self.all_nodes)


def digests_below(folder: Path) -> dict[str, str]:
    """SHA-256 of every regular file below a folder, by relative path; links are not followed."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


class NodeMaker:
    """Makes nodes below one ground. ``started`` gets every part as soon as it exists."""

    def __init__(self, ground: Ground, started: list[Part]) -> None:
        self._ground = ground
        self._started = started

    def service_node(self, node_id: str, host: str, options: SshdOptions = PLAIN) -> LabNode:
        """A running node with a light service (version 1.0.0)."""
        deploy_path = self._ground.root / node_id / "webapps" / "ROOT"
        service = Service(
            self._ground, node_id, host=host, deploy_path=deploy_path, node_id=node_id
        )
        return self._node(node_id, service, deploy_path, options)

    def tomcat_node(self, node_id: str, host: str, options: SshdOptions = PLAIN) -> LabNode:
        """A node with a Tomcat that has been launched, not awaited; deploys go to webapps/."""
        tomcat = Tomcat(self._ground, node_id, host=host)
        return self._node(node_id, tomcat, tomcat.webapps, options)

    def web_node(self, node_id: str, host: str, members: tuple[str, ...]) -> LabNode:
        """A running nginx over these members, on a node of its own."""
        nginx = Nginx(self._ground, node_id, members=members, host=host)
        return self._node(node_id, nginx, nginx.document_root, PLAIN, balancer=nginx.balancer)

    def service_nodes(
        self, count: int, options: SshdOptions, *, prefix: str, subnet: str = "127.0.1"
    ) -> tuple[LabNode, ...]:
        """That many service nodes, started four at a time."""
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(
                lambda number: self.service_node(
                    f"{prefix}{number:02d}", f"{subnet}.{10 + number}", options
                ),
                range(1, count + 1),
            )
            return tuple(made)

    def _node(
        self,
        node_id: str,
        service: Service | Tomcat | Nginx,
        deploy_path: Path,
        options: SshdOptions,
        *,
        balancer: BalancerSpec | None = None,
    ) -> LabNode:
        sshd = Sshd(self._ground, f"{node_id}/ssh", host=service.host, options=options)
        self._start(sshd)
        self._start(service)
        backup_path = self._ground.account.make_folder(self._ground.root / node_id / "backup")
        return LabNode(
            node_id=node_id,
            sshd=sshd,
            service=service,
            deploy_path=deploy_path,
            backup_path=backup_path,
            balancer=balancer,
        )

    def _start(self, part: Part) -> None:
        self._started.append(part)
        if isinstance(part, Tomcat):
            part.launch()  # whoever asked for it waits, so that several come up together
        else:
            part.start()
