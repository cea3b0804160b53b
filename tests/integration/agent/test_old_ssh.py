"""Servers of twenty years ago, and logins that are no keys: real OpenSSH of the lab."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from agent.transports.reach import connect
from agent.transports.transport import TransportError
from agent.wire.plan import KeyLogin, LegacyAlgorithm, NodeAccess, PasswordLogin
from tests.fakes.agent import a_target
from tests.lab.fixtures import lab
from tests.lab.lab import Lab
from tests.lab.sshd import Sshd, SshdOptions

__all__ = ["lab"]
OLD_RSA = SshdOptions(legacy="rsa")
ALL: tuple[LegacyAlgorithm, ...] = ("kex", "cipher", "mac", "ssh-rsa", "ssh-dss")


def access_to(
    sshd: Sshd, *, login: KeyLogin | PasswordLogin | None = None, **changes: object
) -> NodeAccess:
    values = {
        "host": sshd.host,
        "port": sshd.port,
        "user": sshd.user,
        "host_key": sshd.host_key,
        "deploy_path": str(sshd.folder),
    }
    target = a_target(sshd.ground.root / "node", **{**values, **changes})
    return NodeAccess(target=target, login=login or sshd.key_login)


async def refusal(access: NodeAccess) -> TransportError:
    with pytest.raises(TransportError) as failed:
        async with connect(access):
            pass
    return failed.value


async def test_an_old_server_needs_a_profile_and_says_what_for(lab: Lab) -> None:
    sshd = lab.sshd(options=OLD_RSA)
    error = await refusal(access_to(sshd))
    assert error.code == "legacy_needed"
    assert error.values["lacking"] == "kex, cipher, mac, ssh-rsa"
    assert "diffie-hellman-group1-sha1" in error.values["offered"]


async def test_half_a_profile_is_not_enough(lab: Lab) -> None:
    sshd = lab.sshd(options=OLD_RSA)
    error = await refusal(access_to(sshd, legacy=("kex", "ssh-rsa")))
    assert (error.code, error.values["lacking"]) == ("legacy_needed", "cipher, mac")


async def test_with_its_profile_an_old_server_works_and_tells_what_it_used(lab: Lab) -> None:
    sshd = lab.sshd(options=OLD_RSA)
    async with connect(access_to(sshd, legacy=("kex", "cipher", "mac", "ssh-rsa"))) as server:
        assert (await server.run(["echo", "yes"], timeout_s=30)).stdout == "yes\n"
        assert server.legacy == (
            "kex=diffie-hellman-group14-sha1",
            "host-key=ssh-rsa",
            "cipher=aes128-cbc",
            "mac=hmac-sha1",
        )


async def test_a_profile_changes_nothing_at_a_server_that_can_do_better(lab: Lab) -> None:
    async with connect(access_to(lab.sshd(), legacy=ALL)) as server:
        assert server.legacy == ()


async def test_a_dss_host_key_is_allowed_by_name(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-dss")
    login = asyncssh.generate_private_key("ssh-ed25519")
    async with asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        authorized_client_keys=asyncssh.import_authorized_keys(login.export_public_key().decode()),
        process_factory=lambda process: process.exit(1),
        sftp_factory=True,
    ) as listener:
        access = NodeAccess(
            target=a_target(tmp_path, port=listener.get_port(), host_key=key.get_fingerprint()),
            login=KeyLogin(private_key=login.export_private_key().decode()),
        )
        error = await refusal(access)
        assert (error.code, error.values["lacking"]) == ("legacy_needed", "ssh-dss")
        target = access.target.model_copy(update={"legacy": ("ssh-dss",)})
        async with connect(access.model_copy(update={"target": target})) as server:
            assert server.legacy == ("host-key=ssh-dss",)


async def test_another_host_key_of_an_old_server_is_still_another(lab: Lab) -> None:
    sshd = lab.sshd(options=OLD_RSA)
    error = await refusal(access_to(sshd, legacy=ALL, host_key="SHA256:" + "A" * 43))
    assert error.code == "host_key_changed"


@pytest.mark.parametrize("way", ["password", "keyboard-interactive"])
async def test_a_password_is_given_where_it_is_asked_for(lab: Lab, way: str) -> None:
    sshd = lab.sshd(options=SshdOptions(logins=(way,)))
    async with connect(access_to(sshd, login=sshd.password_login)) as server:
        assert (await server.run(["echo", "in"], timeout_s=30)).stdout == "in\n"


@pytest.mark.parametrize("way", ["password", "keyboard-interactive"])
async def test_a_wrong_password_is_tried_once(lab: Lab, way: str) -> None:
    sshd = lab.sshd(options=SshdOptions(logins=(way,)))
    error = await refusal(access_to(sshd, login=PasswordLogin(password="wrong")))
    assert error.code == "login_refused"
    said = sshd.log.read_text()
    assert said.count("Failed password") + said.count("PAM: Authentication failure") == 1


async def test_an_account_for_files_only_has_no_shell_and_works(lab: Lab) -> None:
    sshd = lab.sshd(options=SshdOptions(sftp_only=True))
    folder = lab.account.make_folder(lab.root / "files")

    async def body() -> AsyncIterator[bytes]:
        yield b"content"

    async with connect(access_to(sshd)) as server:
        assert server.shell is False
        with pytest.raises(TransportError) as failed:
            await server.run(["true"], timeout_s=30)
        assert failed.value.code == "no_shell"
        await server.put(body(), str(folder / "x"))
        assert await server.read(str(folder / "x"), limit=100) == b"content"


async def test_a_command_reads_what_it_is_fed_as_fast_as_it_can(lab: Lab) -> None:
    given = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(200):
            given += 1 << 18
            yield bytes(1 << 18)

    async with connect(access_to(lab.sshd())) as server:
        counted = await server.run(["wc", "-c"], timeout_s=60, stdin=pieces())
        assert counted.stdout.strip() == str(200 << 18)
        given = 0
        ended = await server.run(["true"], timeout_s=60, stdin=pieces())
        assert (ended.status, given < 200 << 18) == (0, True)


async def test_what_the_source_raises_ends_the_command(lab: Lab) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"begun"
        raise ValueError("no more")

    async with connect(access_to(lab.sshd())) as server:
        with pytest.raises(ValueError, match="no more"):
            await server.run(["cat"], timeout_s=60, stdin=pieces())
        assert (await server.run(["echo", "well"], timeout_s=30)).stdout == "well\n"
