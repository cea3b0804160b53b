"""Real OpenSSH servers on addresses of their own.

Owns: their configuration, keys, and how they misbehave: another host key, frozen, sftp only, a
command missing, another clock, only what a server of 2005 spoke. Knows nothing of what is done
through them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from agent.wire.plan import KeyLogin, PasswordLogin
from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Ground, Part
from tests.lab.ports import free_port

SSHD = Path("/usr/sbin/sshd")
KeyKind = Literal["ed25519", "ecdsa", "rsa", "dsa"]
Login = Literal["key", "password", "keyboard-interactive"]
_LEGACY = (
    "KexAlgorithms diffie-hellman-group1-sha1,diffie-hellman-group14-sha1",
    "Ciphers aes128-cbc,3des-cbc",
    "MACs hmac-sha1,hmac-md5",
)
_RSA_SHA1 = ("HostKeyAlgorithms ssh-rsa", "PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519")
_DSS = ("HostKeyAlgorithms ssh-dss", "PubkeyAcceptedAlgorithms ssh-rsa,ssh-ed25519")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshdOptions:
    """How a server differs from a plain one.

    ``legacy``: only SHA-1 key exchange, CBC ciphers, and host keys ``ssh-rsa`` or ``ssh-dss``.
    ``without``: commands that its PATH lacks. ``lines``: more of sshd_config, before ours.
    ``private``: (folder of the lab, place) that its sessions see there instead of the machine's
    own, by a mount namespace; root only. A place below /run gets an empty /run around it.
    """

    host_keys: tuple[KeyKind, ...] = ("ed25519", "rsa")
    logins: tuple[Login, ...] = ("key",)
    legacy: Literal["", "rsa", "dss"] = ""
    sftp_only: bool = False
    without: tuple[str, ...] = ()
    clock_offset_s: int = 0
    log_level: str = "VERBOSE"
    lines: tuple[str, ...] = ()
    private: tuple[tuple[Path, str], ...] = ()

    @property
    def kinds(self) -> tuple[KeyKind, ...]:
        return {"": self.host_keys, "rsa": ("rsa",), "dss": ("dsa",)}[self.legacy]


PLAIN = SshdOptions()


class Sshd(Part):
    """One server. ``host_key`` and ``host_keys`` are fingerprints (``SHA256:…``)."""

    def __init__(
        self,
        ground: Ground,
        name: str = "sshd",
        *,
        host: str = "127.0.1.1",
        port: int | None = None,
        options: SshdOptions = PLAIN,
    ) -> None:
        self.ground = ground
        self.folder = ground.claim(name)
        self.host = host
        self.port = port or free_port(host)
        self.options = options
        self.user = ground.account.name
        self.log = self.folder / "log"
        self.host_keys: dict[str, str] = {}
        self.login_key = ""  # OpenSSH PEM
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host_key(self) -> str:
        """The fingerprint of the first key of the options."""
        return self.host_keys[self.options.kinds[0]]

    @property
    def key_login(self) -> KeyLogin:
        return KeyLogin(private_key=self.login_key)

    @property
    def password_login(self) -> PasswordLogin:
        """Raises Unavailable without root."""
        return PasswordLogin(password=self.ground.account.password())

    @property
    def key_file(self) -> Path:
        return self.folder / "login"

    @property
    def command(self) -> str:
        """What a person types to log in."""
        options = [f"UserKnownHostsFile={self.folder}/known_hosts", "IdentitiesOnly=yes"]
        if self.options.legacy:
            options += (f"{name}=+{values}" for name, values in _client_of(self.options.legacy))
        given = " ".join(f"-o {option}" for option in options)
        return f"ssh -i {self.key_file} {given} -p {self.port} {self.user}@{self.host}"

    def start(self) -> None:
        """Start and wait until it listens. Keys are made once.

        Raises:
            Unavailable: no sshd here, or not one that can do this.
        """
        self._prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._namespace(), SSHD, "-D", "-e", "-f", self.folder / "config"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": "/usr/bin:/bin", **self.ground.mark},
            )
        processes.await_listening(self.host, self.port, self._process, self.log)

    def stop(self) -> None:
        """End the server and every session of it; what those had left running stays."""
        self.thaw()
        sessions = self._sessions()
        processes.end(self._process)
        processes.kill(sessions)
        self._process = None
        if self.options.clock_offset_s:
            self._remove_shared_clocks()

    def restart(self, *, new_host_keys: bool = False) -> None:
        """Stop, and start on the same port; with new keys as after a reinstallation."""
        self.stop()
        if new_host_keys:
            self._make_host_keys()
        self.start()

    def freeze(self) -> None:
        """From now on connections are accepted by the kernel and nothing is ever answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in (self._process.pid, *self._sessions()):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _sessions(self) -> list[int]:
        if self._process is None or self._process.poll() is not None:
            return []
        below = processes.descendants(self._process.pid)
        return [pid for pid in below if processes.name_of(pid).startswith("sshd")]

    def _remove_shared_clocks(self) -> None:
        """What libfaketime leaves behind of a command that replaced its shell."""
        for path in Path("/dev/shm").glob("*faketime_s*m_*"):
            owner = path.name.rpartition("_")[2]
            with suppress(OSError):
                ours = path.stat().st_uid == self.ground.account.uid
                if ours and owner.isdigit() and not processes.alive(int(owner)):
                    path.unlink()

    def _prepare(self) -> None:
        account = self.ground.account
        if not SSHD.exists():
            raise Unavailable("no OpenSSH server: run deploy/system-packages.sh")
        if account.switch:  # sshd insists on its privilege separation folder
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        if not self.folder.exists():
            account.make_folder(self.folder)
            self._make_login_key()
            self._make_host_keys()
        (self.folder / "config").write_text("\n".join(self._configuration()) + "\n", "ascii")

    def _namespace(self) -> list[str | Path]:
        """What runs the server where its private folders lie over the machine's own."""
        if not self.options.private:
            return []
        if not self.ground.account.switch:
            raise Unavailable("private folders need root: only root can mount")
        lines = ["#!/bin/sh", "set -e"]
        if any(place.startswith("/run/") for _, place in self.options.private):
            lines += ["mount -t tmpfs -o mode=755 tmpfs /run", "mkdir /run/sshd"]
        for folder, place in self.options.private:
            if place.startswith("/run/"):
                lines.append(f"mkdir -p {place}")
            lines.append(f"mount --bind {folder} {place}")
        script = self.folder / "private.sh"
        script.write_text("\n".join([*lines, 'exec "$@"']) + "\n", "ascii")
        script.chmod(0o755)
        unshare = ["unshare", "--mount", "--propagation", "private", "--"]
        if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
            raise Unavailable("this machine gives no mount namespace (CAP_SYS_ADMIN)")
        return [*unshare, script]

    def _make_login_key(self) -> None:
        _new_key(self.key_file, "ed25519")
        self.login_key = self.key_file.read_text("ascii")
        self.ground.write(
            self.folder / "authorized_keys", self.key_file.with_suffix(".pub").read_bytes()
        )

    def _make_host_keys(self) -> None:
        for kind in self.options.kinds:
            self.host_keys[kind] = _new_key(self.folder / f"host_{kind}", kind)
        known = (
            f"[{self.host}]:{self.port} "
            + " ".join((self.folder / f"host_{kind}.pub").read_text("ascii").split()[:2])
            for kind in self.options.kinds
        )
        (self.folder / "known_hosts").write_text("\n".join(known) + "\n", "ascii")

    def _configuration(self) -> list[str]:
        options, logins = self.options, self.options.logins
        interactive = "keyboard-interactive" in logins
        if interactive or "password" in logins:
            self.ground.account.password()
        lines = [
            *options.lines,
            f"ListenAddress {self.host}:{self.port}",
            "PidFile none",
            "StrictModes no",
            "UseDNS no",
            "PrintMotd no",
            # From 9.8 on: failed logins would shut all of loopback out.
            *(["PerSourcePenalties no"] if _version() >= (9, 8) else []),
            f"LogLevel {options.log_level}",
            *(f"HostKey {self.folder}/host_{kind}" for kind in options.kinds),
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            f"PubkeyAuthentication {_yes('key' in logins)}",
            f"PasswordAuthentication {_yes('password' in logins)}",
            f"KbdInteractiveAuthentication {_yes(interactive)}",
            f"UsePAM {_yes(interactive)}",  # sshd asks interactively through PAM only
            f"AllowUsers {self.user}",
            f"SetEnv {' '.join(self._environment())}",
            "Subsystem sftp internal-sftp",
        ]
        if options.legacy:
            lines += [*_LEGACY, *(_RSA_SHA1 if options.legacy == "rsa" else _DSS)]
        if options.sftp_only:
            lines.append("ForceCommand internal-sftp")
        return lines

    def _environment(self) -> list[str]:
        values = dict(self.ground.mark)
        if self.options.without:
            values["PATH"] = str(self._reduced_path())
        if self.options.clock_offset_s:
            values["LD_PRELOAD"] = str(_faketime())
            values["FAKETIME_DISABLE_SHM"] = "1"  # not known to Debian 12's
            values["FAKETIME"] = f"{self.options.clock_offset_s:+d}s"
        return [f'"{key}={value}"' for key, value in values.items()]

    def _reduced_path(self) -> Path:
        """A folder that links to every command but those left out."""
        folder = self.folder / "bin"
        if not folder.exists():
            folder.mkdir(mode=0o755)
            for source in sorted(Path("/usr/bin").iterdir()):
                if source.name not in self.options.without:
                    (folder / source.name).symlink_to(source)
        return folder


def _client_of(legacy: str) -> Iterator[tuple[str, str]]:
    for line in _LEGACY:
        name, values = line.split()
        yield name, values
    yield "HostKeyAlgorithms", f"ssh-{legacy}"


def legacy_host_keys() -> tuple[Literal["rsa", "dss"], ...]:
    """What a legacy server of this machine's OpenSSH can show; ``ssh-dss`` went with 9.8."""
    shown = subprocess.run(["ssh", "-Q", "key"], capture_output=True, check=True)
    return ("rsa", "dss") if b"ssh-dss\n" in shown.stdout else ("rsa",)


@cache
def _version() -> tuple[int, int]:
    shown = subprocess.run(["ssh", "-V"], capture_output=True, check=True).stderr.decode()
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", shown)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _new_key(path: Path, kind: KeyKind) -> str:
    """Make a key pair there, replacing one; its fingerprint."""
    path.unlink(missing_ok=True)
    size = ["-b", "2048"] if kind == "rsa" else []
    made = subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "lab", "-f", path],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise Unavailable(f"this OpenSSH makes no {kind} key: {made.stderr.decode().strip()}")
    shown = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True)
    return shown.stdout.decode().split()[1]


def _faketime() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise Unavailable("no libfaketime: run deploy/system-packages.sh")
    return found[0]


def _yes(condition: bool) -> str:
    return "yes" if condition else "no"
