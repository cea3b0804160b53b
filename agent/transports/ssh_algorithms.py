"""Which SSH algorithms are offered to a server, and which it was too old to do without.

Owns: the strict lists, the old algorithms that a node's profile may allow by family, and the
reading of a server's own offer. Opens no connection and knows no login.

asyncssh 2.24 still offers SHA-1 key exchange, SHA-1 MACs and ``ssh-rsa`` by default, so that the
strict lists are its defaults without them. Old ones come last: they are used only where a server
has nothing better.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from asyncssh.encryption import get_default_encryption_algs
from asyncssh.kex import get_default_kex_algs
from asyncssh.mac import get_default_mac_algs
from asyncssh.public_key import get_default_public_key_algs

from agent.wire.plan import LegacyAlgorithm

OLD: Mapping[LegacyAlgorithm, tuple[str, ...]] = {
    "kex": (
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ),
    "cipher": ("aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"),
    "mac": ("hmac-sha1-etm@openssh.com", "hmac-sha1", "hmac-md5-etm@openssh.com", "hmac-md5"),
    "ssh-rsa": ("ssh-rsa",),
    "ssh-dss": ("ssh-dss",),
}
_WEAK = re.compile(r"sha1|md5|-cbc|-96|^umac-64|^ssh-rsa|^ssh-dss|^gss-|@ssh\.com$|^arcfour")
_MSG_KEXINIT = 20
_COOKIE_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one end can do, the preferred first."""

    kex: tuple[str, ...]
    host_key: tuple[str, ...]
    cipher: tuple[str, ...]
    mac: tuple[str, ...]


def ours(legacy: Sequence[LegacyAlgorithm]) -> Offer:
    """What the agent offers to a node with this profile."""

    def names(defaults: Sequence[bytes], *families: LegacyAlgorithm) -> tuple[str, ...]:
        strict = [name for name in _text(defaults) if not _WEAK.search(name)]
        return (*strict, *(old for family in families if family in legacy for old in OLD[family]))

    return Offer(
        kex=names(get_default_kex_algs(), "kex"),
        host_key=names(get_default_public_key_algs(), "ssh-rsa", "ssh-dss"),
        # asyncssh needs three passes in Python for ChaCha20 and one in C for AES-GCM.
        cipher=tuple(sorted(names(get_default_encryption_algs(), "cipher"), key=_not_gcm)),
        mac=names(get_default_mac_algs(), "mac"),
    )


def key_families(legacy: Sequence[LegacyAlgorithm]) -> tuple[tuple[str, ...], ...]:
    """Host key algorithms by kind of key: a server has one key of each and shows the first kind
    that it is asked for."""
    rsa = ("rsa-sha2-512", "rsa-sha2-256", *(OLD["ssh-rsa"] if "ssh-rsa" in legacy else ()))
    families = (
        ("ssh-ed25519",),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
        rsa,
    )
    return (*families, OLD["ssh-dss"]) if "ssh-dss" in legacy else families


def read_offer(payload: bytes) -> Offer | None:
    """What the server offered, by the payload of its SSH_MSG_KEXINIT (RFC 4253, 7.1).

    None: it is none. Of the two directions the names of both are taken.
    """
    if not payload or payload[0] != _MSG_KEXINIT:
        return None
    rest, lists = payload[1 + _COOKIE_BYTES :], list[tuple[str, ...]]()
    for _ in range(6):
        length = int.from_bytes(rest[:4])
        body, rest = rest[4 : 4 + length], rest[4 + length :]
        lists.append(tuple(body.decode("ascii", errors="replace").split(",")) if body else ())
    kex, host_key, cipher_out, cipher_in, mac_out, mac_in = lists
    return Offer(
        kex=kex,
        host_key=host_key,
        cipher=_both(cipher_out, cipher_in),
        mac=_both(mac_out, mac_in),
    )


def in_use(asked: Offer, offered: Offer, *, ciphers: set[str], macs: set[str]) -> tuple[str, ...]:
    """The old algorithms that a connection runs on, as ``kex=…``, ``host-key=…`` and so on.

    Key exchange and host key follow from the two offers: the first of the client's that the
    server has, too (RFC 4253, 7.1).
    """
    chosen = {
        "kex": {_first(asked.kex, offered.kex)},
        "host-key": {_first(asked.host_key, offered.host_key)},
        "cipher": ciphers,
        "mac": macs - ciphers,  # an authenticated cipher is its own MAC
    }
    old = {name for names in OLD.values() for name in names}
    return tuple(f"{role}={name}" for role, names in chosen.items() for name in sorted(names & old))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """What keeps two ends apart that old algorithms would bring together."""

    families: tuple[LegacyAlgorithm, ...]
    offered: tuple[str, ...]


def lacking(asked: Offer, offered: Offer) -> Lacking | None:
    """The families that a node's profile lacks; None: something else keeps the ends apart."""
    pairs = (
        (asked.kex, offered.kex),
        (asked.host_key, offered.host_key),
        (asked.cipher, offered.cipher),
        (asked.mac, offered.mac),
    )
    apart = [theirs for mine, theirs in pairs if not set(mine) & set(theirs)]
    if apart == [offered.mac] and _has_authenticated_cipher(asked, offered):
        return None
    names = tuple(name for theirs in apart for name in theirs)
    families = tuple(
        family for family in get_args(LegacyAlgorithm) if set(OLD[family]) & set(names)
    )
    return Lacking(families=families, offered=names) if families else None


def _has_authenticated_cipher(asked: Offer, offered: Offer) -> bool:
    chosen = _first(asked.cipher, offered.cipher)
    return "gcm" in chosen or "poly1305" in chosen


def _not_gcm(name: str) -> bool:
    return "gcm" not in name


def _first(mine: Iterable[str], theirs: Sequence[str]) -> str:
    return next((name for name in mine if name in theirs), "")


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _text(names: Sequence[bytes]) -> list[str]:
    return [name.decode("ascii") for name in names]
