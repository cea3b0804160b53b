"""One laboratory: a folder, an account, and every part that was started in it.

Owns: starting parts and ending all of them, whatever happened in between. Knows no test.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.lab import processes
from tests.lab.account import Account
from tests.lab.broker import Broker
from tests.lab.cron import CronSpool
from tests.lab.cut import TcpCut
from tests.lab.disk import SmallDisk
from tests.lab.git import GitRepository
from tests.lab.load import Load
from tests.lab.nginx import Nginx
from tests.lab.nodes import Fleet, FtpNode, LabNode, NodeMaker
from tests.lab.part import Ground, Part
from tests.lab.postgres import Postgres
from tests.lab.service import Service
from tests.lab.sshd import PLAIN, Sshd, SshdOptions
from tests.lab.tls import TlsNginx
from tests.lab.tomcat import Tomcat
from tests.lab.vsftpd import Vsftpd

P = TypeVar("P", bound=Part)
_PREFIX = "guardia-lab-"
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
        self._lock: int | None = None

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
        made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}")).resolve()
        made.chmod(0o755)
        self._lock = _lock(made)
        root = made.rename(made.with_name(made.name.removeprefix(".")))  # locked from the first on
        self.account.own(root)
        _end_abandoned()
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
        _clear(self.root)
        if self._lock is not None:
            os.close(self._lock)
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

    def cron(self, name: str = "cron") -> CronSpool:
        """A spool for an sshd with ``private=spool.private``. Needs root."""
        return CronSpool(self.ground, name)

    def tls(self, name: str = "tls", *, host: str = "127.0.1.1") -> TlsNginx:
        """Not started: ``add`` certificates first, then ``lab.add(tls)``."""
        return TlsNginx(self.ground, name, host=host)

    def vsftpd(self, name: str = "ftp", *, host: str = "127.0.1.1", jailed: bool = True) -> Vsftpd:
        return self.add(Vsftpd(self.ground, name, host=host, jailed=jailed))

    def postgres(
        self, name: str = "postgres", *, host: str = "127.0.1.1", max_connections: int = 20
    ) -> Postgres:
        return self.add(Postgres(self.ground, name, host=host, max_connections=max_connections))

    def broker(self, name: str = "broker", *, host: str = "127.0.1.1") -> Broker:
        """A made-up management API of RabbitMQ."""
        return self.add(Broker(self.ground, name, host=host))

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
        subnet: str = "127.0.1",
    ) -> Fleet:
        """That many service nodes, was01 … at 127.0.1.11 …, and web01 balancing over them.

        ``subnet``: another one, where no other lab's servers may be seen at the same address."""
        maker = NodeMaker(self.ground, self._parts)
        nodes = maker.service_nodes(count, options, prefix=prefix, subnet=subnet)
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

    def ftp_node(self, node_id: str = "ftp01", *, host: str = "127.0.1.151") -> FtpNode:
        """A node with FTP and nothing else, and the light service that serves its files."""
        ftp = self.vsftpd(f"{node_id}/ftp", host=host)
        service = Service(
            self.ground, node_id, host=host, deploy_path=ftp.root / "htdocs", node_id=node_id
        )
        self.add(service)
        self.account.make_folder(ftp.root / "backup")
        return FtpNode(node_id=node_id, ftp=ftp, service=service)

    def leftovers(self) -> list[Path]:
        """What agents leave behind on a bad day: files of theirs below the lab's folder."""
        found: list[Path] = []
        for folder, _, files in os.walk(self.root):
            found += [Path(folder, name) for name in files if ".guardia-" in name]
        return found

    def _web(self, maker: NodeMaker, nodes: tuple[LabNode, ...], name: str) -> LabNode:
        return maker.web_node(name, _WEB_HOST, tuple(node.member for node in nodes))


def _clear(root: Path) -> None:
    """End what still runs for this lab, unmount what it mounted, remove its folder."""
    processes.end_marked(root)
    for line in Path("/proc/mounts").read_text("utf-8").splitlines():
        if line.split()[1].startswith(f"{root}/"):
            subprocess.run(["umount", "--lazy", line.split()[1]], check=False, capture_output=True)
    for folder, folders, _ in os.walk(root):  # a test of permissions may have closed some
        for name in folders:
            path = Path(folder, name)
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o755)
    shutil.rmtree(root, ignore_errors=True)


def _lock(root: Path) -> int | None:
    """Hold the lab; the kernel lets go when this process is gone. None: another one holds it."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _end_abandoned() -> None:
    """Clear the labs of this user whose owner was killed."""
    for root in Path(tempfile.gettempdir()).resolve().glob(f"{_PREFIX}*"):
        with suppress(OSError):
            handle = _lock(root) if root.stat().st_uid in _own_uids() else None
            if handle is not None:
                _clear(root)
                os.close(handle)


def _own_uids() -> tuple[int, ...]:
    return (os.geteuid(), Account.find().uid)
