"""Which algorithms are offered, and what a server's own offer means."""

from __future__ import annotations

import re

import pytest

from agent.transports.ssh_algorithms import (
    OLD,
    Offer,
    in_use,
    key_families,
    lacking,
    ours,
    read_offer,
)

OLD_SERVER = Offer(
    kex=("diffie-hellman-group1-sha1",),
    host_key=("ssh-rsa",),
    cipher=("3des-cbc",),
    mac=("hmac-md5",),
)


def test_offers_nothing_old_without_a_profile() -> None:
    mine = ours(())
    names = (*mine.kex, *mine.host_key, *mine.cipher, *mine.mac)
    assert [name for name in names if re.search(r"sha1|md5|cbc|^ssh-rsa$|^ssh-dss$", name)] == []
    assert {"curve25519-sha256", "ssh-ed25519", "rsa-sha2-512"} <= set(names)
    assert ("ssh-dss",) not in key_families(())


@pytest.mark.parametrize("family", list(OLD))
def test_a_family_is_allowed_by_its_name_and_comes_last(family: str) -> None:
    plain, wider = ours(()), ours((family,))  # type: ignore[arg-type]  # the test's own stand-in, or made of data
    for role in ("kex", "host_key", "cipher", "mac"):
        before, after = getattr(plain, role), getattr(wider, role)
        assert after[: len(before)] == before
        assert set(after[len(before) :]) <= set(OLD[family])  # type: ignore[index]
    assert wider != plain


def test_says_which_families_a_profile_lacks() -> None:
    found = lacking(ours(()), OLD_SERVER)
    assert found is not None
    assert found.families == ("kex", "cipher", "mac", "ssh-rsa")
    found = lacking(ours(("kex", "cipher", "mac")), OLD_SERVER)
    assert found is not None
    assert (found.families, found.offered) == (("ssh-rsa",), ("ssh-rsa",))


def test_what_no_family_would_mend_is_not_told_as_old() -> None:
    strange = Offer(kex=("future-kex",), host_key=("ssh-ed25519",), cipher=("aes128-ctr",), mac=())
    assert lacking(ours(()), strange) is None


def test_names_what_is_old_in_a_connection() -> None:
    mine = ours(("kex", "cipher", "mac", "ssh-rsa"))
    assert in_use(mine, OLD_SERVER, ciphers={"3des-cbc"}, macs={"hmac-md5"}) == (
        "kex=diffie-hellman-group1-sha1",
        "host-key=ssh-rsa",
        "cipher=3des-cbc",
        "mac=hmac-md5",
    )
    assert in_use(mine, ours(()), ciphers={"aes128-ctr"}, macs={"hmac-sha2-256"}) == ()


def test_reads_an_offer() -> None:
    lists = [b"kex-a,kex-b", b"key", b"c1", b"c1,c2", b"", b"m1"]
    body = b"".join(len(names).to_bytes(4, "big") + names for names in lists)
    payload = bytes([20]) + bytes(16) + body
    assert read_offer(payload) == Offer(
        kex=("kex-a", "kex-b"), host_key=("key",), cipher=("c1", "c2"), mac=("m1",)
    )
    assert read_offer(b"") is None
    assert read_offer(b"\x01nonsense") is None
    assert read_offer(payload[:30]) is not None
