"""Debian's vsftpd as a scratch instance, for nodes that have nothing but FTP.

Owns: its configuration. As root people log in as the lab account with its password (through the
package's own PAM file); otherwise vsftpd runs as this user and takes anonymous logins that may
write, since only root can check a password.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.wire.plan import PasswordLogin
from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Ground, Part
from tests.lab.ports import free_port

_PROGRAM = Path("/usr/sbin/vsftpd")
_PASSIVE = 20  # ports


class Vsftpd(Part):
    """One server that gives ``root``: what clients see as ``visible_root``.

    ``jailed``: clients see ``root`` as ``/``, as FTP-only servers mostly do; else the real path.
    """

    def __init__(
        self,
        ground: Ground,
        name: str = "ftp",
        *,
        host: str = "127.0.1.1",
        jailed: bool = True,
        lines: tuple[str, ...] = (),
    ) -> None:
        self.ground = ground
        self.folder = ground.claim(name)
        self.root = self.folder / "files"
        self.host = host
        self.port = free_port(host)
        self.log = self.folder / "log"
        self.jailed = jailed and ground.account.switch  # only root can change the root folder
        self._lines = lines
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def user(self) -> str:
        return self.ground.account.name if self.ground.account.switch else "anonymous"

    @property
    def password(self) -> str:
        account = self.ground.account
        return account.password() if account.switch else "lab@lab.invalid"

    @property
    def login(self) -> PasswordLogin:
        return PasswordLogin(password=self.password)

    @property
    def visible_root(self) -> str:
        """The absolute path of ``root`` as clients see it, without a slash at its end."""
        return "" if self.jailed else str(self.root)

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            Unavailable: no vsftpd here.
        """
        if not _PROGRAM.exists():
            raise Unavailable("no vsftpd: run deploy/system-packages.sh")
        account = self.ground.account
        account.make_folder(self.root)
        (self.folder / "empty").mkdir(mode=0o555, exist_ok=True)
        configuration = self.folder / "vsftpd.conf"
        configuration.write_text("\n".join(self._configuration()) + "\n", "ascii")
        configuration.chmod(0o600)
        if account.switch:
            configuration.chmod(0o600)
        log = self.log.open("ab")
        with log:
            self._process = subprocess.Popen(
                [_PROGRAM, configuration],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env={"PATH": "/usr/bin:/bin", **self.ground.mark},
            )
        processes.await_listening(self.host, self.port, self._process, self.log)

    def stop(self) -> None:
        """End it with its sessions."""
        if self._process is not None:
            sessions = processes.descendants(self._process.pid)
            processes.end(self._process)
            processes.kill(sessions)
            self._process = None

    def _configuration(self) -> list[str]:
        first = free_port(self.host, count=_PASSIVE)
        lines = [
            "listen=YES",
            "listen_ipv6=NO",
            "background=NO",
            f"listen_address={self.host}",
            f"listen_port={self.port}",
            "pasv_enable=YES",
            f"pasv_address={self.host}",
            f"pasv_min_port={first}",
            f"pasv_max_port={first + _PASSIVE - 1}",
            "write_enable=YES",
            "seccomp_sandbox=NO",  # forbids what a container's C library needs
            "isolate=NO",
            "isolate_network=NO",
            "xferlog_enable=YES",
            f"vsftpd_log_file={self.folder}/transfers.log",
            f"secure_chroot_dir={self.folder}/empty",
            *self._lines,
        ]
        return lines + (self._as_root() if self.ground.account.switch else self._as_user())

    def _as_root(self) -> list[str]:
        jail = ["chroot_local_user=YES", "allow_writeable_chroot=YES"] if self.jailed else []
        return [
            "anonymous_enable=NO",
            "local_enable=YES",
            "local_umask=022",
            f"local_root={self.root}",
            "pam_service_name=vsftpd",
            "userlist_enable=YES",
            "userlist_deny=NO",
            f"userlist_file={self._user_list()}",
            *jail,
        ]

    def _user_list(self) -> Path:
        path = self.folder / "users"
        path.write_text(f"{self.user}\n", "ascii")
        return path

    def _as_user(self) -> list[str]:
        return [
            "run_as_launching_user=YES",
            "anonymous_enable=YES",
            "local_enable=NO",
            f"ftp_username={self.ground.account.name}",
            f"anon_root={self.root}",
            "anon_upload_enable=YES",
            "anon_mkdir_write_enable=YES",
            "anon_other_write_enable=YES",
            "anon_world_readable_only=NO",
            "anon_umask=022",
        ]
