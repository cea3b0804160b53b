"""Logging in over SSH: the pinned host key first, then the one login, nothing else.

Owns: the dialling, the pin, the algorithms that are asked for, password and keyboard-interactive
login, and the reasons why no connection came about. Takes nothing from the user's surroundings:
no configuration, no agent, no known_hosts, no keys but the one it is given.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncssh

from agent.transports.ssh_algorithms import in_use, key_families, lacking, ours, read_offer
from agent.transports.transport import TransportError
from agent.wire.plan import KeyLogin, NodeAccess

CONNECT_TIMEOUT_S = 10
_KEEPALIVE_S = 10  # three unanswered ones end the connection
_PASSWORD_PROMPT = re.compile(r"password|passwd|passcode|암호|비밀번호", re.IGNORECASE)


class _UnreachableError(TransportError):
    """No connection, or none that got as far as a host key."""


class PinnedClient(asyncssh.SSHClient):
    """Accepts exactly one host key, which asyncssh shows before it begins to authenticate, and
    answers one question for a password, once."""

    def __init__(self, fingerprint: str, password: str | None) -> None:
        self._fingerprint = fingerprint
        self._password = password
        self._connection: asyncssh.SSHClientConnection | None = None
        self._begun = False
        self.seen: asyncssh.SSHKey | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.seen = key
        return key.get_fingerprint("sha256") == self._fingerprint

    def password_auth_requested(self) -> str | None:
        return self._spend()

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        return NotImplemented  # an expired password is a person's business

    def kbdint_auth_requested(self) -> str | None:
        begun, self._begun = self._begun, True
        return None if begun or self._password is None else ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """A second question, a visible one or one for a code is not ours to answer."""
        if not prompts:
            return []
        (text, visible), *more = prompts
        if more or visible or not _PASSWORD_PROMPT.search(text):
            return None
        password = self._spend()
        return None if password is None else [password]

    @property
    def server_offer(self) -> bytes:
        """The payload of the server's SSH_MSG_KEXINIT; empty: it never came.

        asyncssh tells what was chosen for ciphers and MACs only, and of a failure nothing but
        a sentence; what the server offered says the rest.
        """
        return getattr(self._connection, "_server_kexinit", b"")

    def _spend(self) -> str | None:
        password, self._password = self._password, None
        return password


async def log_in(access: NodeAccess) -> tuple[asyncssh.SSHClientConnection, tuple[str, ...]]:
    """The connection, and the old algorithms that it runs on.

    The pinned key may be of a family that the server does not show first: each is asked for.

    Raises:
        TransportError: ``unreachable``; ``host_key_changed``, before any authentication;
            ``legacy_needed``; ``login_refused``.
    """
    target, client = access.target, _client_for(access)
    try:
        return await _open(access, client, None)
    except asyncssh.HostKeyNotVerifiable:
        shown = client.seen
    for family in key_families(target.legacy):
        if shown is not None and shown.get_algorithm() in _base_names(family):
            continue
        # Servers hang up in various ways on a family that they have no key of.
        with suppress(asyncssh.HostKeyNotVerifiable, _UnreachableError):
            return await _open(access, _client_for(access), family)
    expected, seen = target.host_key or "", shown.get_fingerprint("sha256") if shown else ""
    raise TransportError("host_key_changed", host=target.host, expected=expected, seen=seen)


def _client_for(access: NodeAccess) -> PinnedClient:
    login = access.login
    password = None if isinstance(login, KeyLogin) else login.password
    return PinnedClient(access.target.host_key or "", password)


def _base_names(family: tuple[str, ...]) -> tuple[str, ...]:
    return ("ssh-rsa",) if family[0].startswith("rsa-") else family


async def _open(
    access: NodeAccess, client: PinnedClient, family: tuple[str, ...] | None
) -> tuple[asyncssh.SSHClientConnection, tuple[str, ...]]:
    target = access.target
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await asyncssh.connect(
                target.host,
                target.port,
                username=target.user,
                client_factory=lambda: client,
                # A function, because asyncssh takes an empty list for "read ~/.ssh/known_hosts".
                known_hosts=lambda host, addr, port: ([], [], []),
                config=None,
                agent_path=None,
                agent_forwarding=False,
                gss_host=None,
                gss_kex=False,
                host_based_auth=False,
                x509_trusted_certs=None,
                keepalive_interval=_KEEPALIVE_S,
                connect_timeout=CONNECT_TIMEOUT_S,
                login_timeout=CONNECT_TIMEOUT_S,
                **_algorithms(access, family),
                **_credentials(access),
            )
    except asyncssh.HostKeyNotVerifiable:
        raise
    except (asyncssh.PermissionDenied, asyncssh.KeyImportError) as error:
        raise TransportError("login_refused", host=target.host, user=target.user) from error
    except (asyncssh.Error, OSError) as error:
        raise _why_unreachable(access, client, error, whole=family is None) from error
    return connection, _old_in_use(access, client, connection)


def _algorithms(access: NodeAccess, family: tuple[str, ...] | None) -> dict[str, Any]:
    asked = ours(access.target.legacy)
    return {
        "kex_algs": asked.kex,
        "encryption_algs": asked.cipher,
        "mac_algs": asked.mac,
        "server_host_key_algs": family or asked.host_key,
        "signature_algs": asked.host_key,  # of our own key: the same families
    }


def _credentials(access: NodeAccess) -> dict[str, Any]:
    login = access.login
    if isinstance(login, KeyLogin):
        key = asyncssh.import_private_key(login.private_key)
        return {"client_keys": [key], "preferred_auth": ("publickey",)}
    # The client answers: asyncssh would look for English prompts only.
    return {"client_keys": None, "preferred_auth": ("password", "keyboard-interactive")}


def _why_unreachable(
    access: NodeAccess, client: PinnedClient, error: Exception, *, whole: bool
) -> TransportError:
    """``whole``: all host keys were asked for, so that one that is missing means something."""
    target = access.target
    offered = read_offer(client.server_offer)
    gap = lacking(ours(target.legacy), offered) if offered and whole else None
    if gap is None:
        return _UnreachableError("unreachable", host=target.host, detail=_reason(error))
    return TransportError(
        "legacy_needed",
        host=target.host,
        lacking=", ".join(gap.families),
        offered=", ".join(gap.offered[:12]),
    )


def _old_in_use(
    access: NodeAccess, client: PinnedClient, connection: asyncssh.SSHClientConnection
) -> tuple[str, ...]:
    legacy = access.target.legacy
    offered = read_offer(client.server_offer)
    if not legacy or offered is None:
        return ()

    def both(name: str) -> set[str]:
        return {str(connection.get_extra_info(f"{way}_{name}")) for way in ("send", "recv")}

    return in_use(ours(legacy), offered, ciphers=both("cipher"), macs=both("mac"))


def _reason(error: Exception) -> str:
    """In its own words; "no answer in time" is what the code says already."""
    return str(error) or ("" if isinstance(error, TimeoutError) else type(error).__name__)
