"""One laboratory: a folder, an account, and every part that was started in it.

Owns: starting parts and ending all of them, whatever happened in between. Knows no test.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.lab import processes
from tests.lab.account import Account
from tests.lab.cut import TcpCut
from tests.lab.disk import SmallDisk
from tests.lab.git import GitRepository
from tests.lab.load import Load
from tests.lab.nginx import Nginx
from tests.lab.nodes import Fleet, LabNode, NodeMaker
from tests.lab.part import Ground, Part
from tests.lab.service import Service
from tests.lab.sshd import PLAIN, Sshd, SshdOptions
from tests.lab.tomcat import Tomcat
from tests.lab.vsftpd import Vsftpd

P = TypeVar("P", bound=Part)
_WEB_HOST = "127.0.1.2"
_LIGHT = SshdOptions(host_keys=("ed25519",))  # a key of RSA costs a tenth of a second and more


class Lab:
    """A context manager. Every method starts a part and hands it back running.

    Raises of ``with Lab()`` and of all methods: Unavailable, where this machine cannot do that;
    in a test it skips.
    """

    def __init__(self) -> None:
        self.account = Account.find()
        self._parts: list[Part] = []
        self._ground: Ground | None = None

    @property
    def ground(self) -> Ground:
        if self._ground is None:
            raise RuntimeError("the lab is not open: with Lab() as lab: …")
        return self._ground

    @property
    def root(self) -> Path:
        """The lab's folder, owned by the account and gone at the end."""
        return self.ground.root

    def __enter__(self) -> Self:
        # Not below pytest's own folder, which nobody but its owner may enter.
        root = Path(tempfile.mkdtemp(prefix="guardia-lab-")).resolve()
        root.chmod(0o755)
        self.account.own(root)
        self._ground = Ground(root=root, account=self.account)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        failures: list[Exception] = []
        for part in reversed(self._parts):
            try:
                part.stop()
            except Exception as failure:  # noqa: BLE001  the others must be stopped all the same
                failures.append(failure)
        self._parts.clear()
        processes.end_marked(self.root)
        shutil.rmtree(self.root, ignore_errors=True)
        if failures:
            raise ExceptionGroup("parts of the lab did not stop", failures)

    def add(self, part: P) -> P:
        """Start a part of one's own making; the lab stops it."""
        self._parts.append(part)
        part.start()
        return part

    def sshd(
        self, name: str = "sshd", *, host: str = "127.0.1.1", options: SshdOptions = PLAIN
    ) -> Sshd:
        return self.add(Sshd(self.ground, name, host=host, options=options))

    def cut(self, sshd: Sshd | Vsftpd) -> TcpCut:
        """A breakable line to that server, at its address and a port of its own."""
        return self.add(TcpCut(sshd.host, sshd.port))

    def service(self, name: str = "service", *, host: str = "127.0.1.1") -> Service:
        return self.add(Service(self.ground, name, host=host))

    def tomcat(self, name: str = "tomcat", *, host: str = "127.0.1.1") -> Tomcat:
        return self.add(Tomcat(self.ground, name, host=host))

    def nginx(
        self, members: tuple[str, ...], name: str = "nginx", *, host: str = "127.0.1.1"
    ) -> Nginx:
        return self.add(Nginx(self.ground, name, members=members, host=host))

    def vsftpd(self, name: str = "ftp", *, host: str = "127.0.1.1", jailed: bool = True) -> Vsftpd:
        return self.add(Vsftpd(self.ground, name, host=host, jailed=jailed))

    def disk(self, name: str = "disk", *, size: int = 4 << 20) -> SmallDisk:
        """``size`` in bytes. Needs root."""
        return self.add(SmallDisk(self.ground, name, size=size))

    def git_repository(self, name: str = "git") -> GitRepository:
        return GitRepository(self.root / name)

    def load(self, url: str, *, connections: int = 8, pause_ms: int = 10) -> Load:
        """Not started: ``with lab.load(url) as load: …`` and then ``load.result``."""
        return Load(url, self.root, connections=connections, pause_ms=pause_ms)

    def nodes(
        self,
        count: int,
        *,
        options: SshdOptions = _LIGHT,
        web: bool = True,
        prefix: str = "was",
    ) -> Fleet:
        """That many service nodes, was01 … at 127.0.1.11 …, and web01 balancing over them."""
        maker = NodeMaker(self.ground, self._parts)
        nodes = maker.service_nodes(count, options, prefix=prefix)
        return Fleet(nodes=nodes, web=self._web(maker, nodes, "web01") if web else None)

    def tomcat_nodes(self, count: int = 2, *, web: bool = True) -> Fleet:
        """Tomcats that come up at the same time, tom01 … at 127.0.1.201 …, and web02 over them."""
        maker = NodeMaker(self.ground, self._parts)
        nodes = tuple(
            maker.tomcat_node(f"tom{number:02d}", f"127.0.1.{200 + number}", _LIGHT)
            for number in range(1, count + 1)
        )
        for node in nodes:
            if isinstance(node.service, Tomcat):
                node.service.await_up()
        return Fleet(nodes=nodes, web=self._web(maker, nodes, "web02") if web else None)

    def leftovers(self) -> list[Path]:
        """What agents leave behind on a bad day: files of theirs below the lab's folder."""
        found: list[Path] = []
        for folder, _, files in os.walk(self.root):
            found += [Path(folder, name) for name in files if ".guardia-" in name]
        return found

    def _web(self, maker: NodeMaker, nodes: tuple[LabNode, ...], name: str) -> LabNode:
        return maker.web_node(name, _WEB_HOST, tuple(node.member for node in nodes))
