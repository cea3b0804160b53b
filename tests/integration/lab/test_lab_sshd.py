"""The lab's OpenSSH servers: an ordinary user behind each, and every way to misbehave."""

from __future__ import annotations

import subprocess
import time

import asyncssh
import pytest

from agent.transports.ssh import connect
from agent.transports.transport import TransportError
from tests.lab import Lab, SshdOptions, TcpCut, legacy_host_keys
from tests.lab.sshd import Sshd

SLOW_S = 120


def _say(sshd: Sshd, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*sshd.command.split(), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=SLOW_S,
        stdin=subprocess.DEVNULL,
    )


async def _log_in(sshd: Sshd, **credentials: object) -> str:
    async with asyncssh.connect(
        sshd.host,
        sshd.port,
        username=sshd.user,
        known_hosts=None,
        config=None,
        agent_path=None,
        **credentials,
    ) as connection:
        return str((await connection.run("id -un")).stdout).strip()


async def test_node_is_reached_with_its_access_record_as_an_ordinary_user(module_lab: Lab) -> None:
    node = module_lab.nodes(1, web=False, prefix="plain").nodes[0]
    async with connect(node.access()) as server:
        who = await server.run(["id", "-u"], timeout_s=SLOW_S)
        shadow = await server.run(["cat", "/etc/shadow"], timeout_s=SLOW_S)
        touched = await server.run(["touch", f"{node.deploy_path}/x"], timeout_s=SLOW_S)
    assert who.stdout.strip() not in {"", "0"} or not module_lab.account.switch
    assert shadow.status != 0
    assert touched.status == 0


@pytest.mark.parametrize("login", ["password", "keyboard-interactive"])
async def test_lets_in_by_password(module_lab: Lab, login: str) -> None:
    password = module_lab.account.password()
    sshd = module_lab.sshd(login, options=SshdOptions(host_keys=("ed25519",), logins=(login,)))
    shown = {"client_keys": None, "preferred_auth": login}
    assert await _log_in(sshd, password=password, **shown) == sshd.user
    with pytest.raises(asyncssh.PermissionDenied):
        await _log_in(sshd, password="wrong", **shown)


@pytest.mark.parametrize("legacy", legacy_host_keys())
async def test_legacy_server_speaks_only_what_old_ones_spoke(module_lab: Lab, legacy: str) -> None:
    sshd = module_lab.sshd(f"legacy-{legacy}", options=SshdOptions(legacy=legacy))
    key = asyncssh.import_private_key(sshd.login_key)
    with pytest.raises(asyncssh.Error):
        await _log_in(sshd, client_keys=[key])
    said = _say(sshd, "id", "-un")
    assert (said.stdout.strip(), said.returncode) == (sshd.user, 0), said.stderr


async def test_target_of_an_old_server_allows_what_it_needs(module_lab: Lab) -> None:
    options = SshdOptions(legacy="rsa")
    node = module_lab.nodes(1, web=False, prefix="old", options=options).nodes[0]
    async with connect(node.access()) as server:
        assert (await server.run(["true"], timeout_s=SLOW_S)).status == 0


async def test_shows_new_host_keys_after_a_reinstallation(module_lab: Lab) -> None:
    node = module_lab.nodes(1, web=False, prefix="again").nodes[0]
    before = node.access()
    node.sshd.restart(new_host_keys=True)
    with pytest.raises(TransportError) as caught:
        async with connect(before):
            pass
    assert caught.value.code == "host_key_changed"
    async with connect(node.access()) as server:
        assert (await server.run(["true"], timeout_s=SLOW_S)).status == 0


def test_frozen_server_accepts_and_says_nothing(module_lab: Lab) -> None:
    sshd = module_lab.sshd("frozen")
    sshd.freeze()
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            [*sshd.command.split(), "true"], timeout=1, stdin=subprocess.DEVNULL, check=False
        )
    sshd.thaw()
    assert _say(sshd, "true").returncode == 0


def test_server_can_lack_a_command_keep_another_clock_or_know_only_sftp(module_lab: Lab) -> None:
    poor = module_lab.sshd("poor", options=SshdOptions(without=("tar", "sha256sum")))
    assert _say(poor, "tar", "--version").returncode == 127
    assert _say(poor, "gzip", "--version").returncode == 0
    late = module_lab.sshd("late", options=SshdOptions(clock_offset_s=-600))
    assert int(_say(late, "date", "+%s").stdout) == pytest.approx(time.time() - 600, abs=60)
    files = module_lab.sshd("files", options=SshdOptions(sftp_only=True))
    assert "sftp connections only" in _say(files, "id").stdout


def test_line_is_cut_after_so_many_bytes_and_then_works_again(module_lab: Lab) -> None:
    sshd = module_lab.sshd("behind")
    cut = module_lab.cut(sshd)
    through = [*sshd.command.split(), "-o", f"HostKeyAlias=[{sshd.host}]:{sshd.port}"]
    through[through.index("-p") + 1] = str(cut.port)

    def ask(timeout_s: float = SLOW_S) -> int:
        arguments = [*through, "head -c 200000 /dev/zero"]
        return subprocess.run(
            arguments, capture_output=True, timeout=timeout_s, check=False
        ).returncode

    assert ask() == 0
    assert cut.passed["down"] > 200000
    cut.cut_after(50000, "down")
    assert ask() == 255
    assert (cut.passed["down"], cut.cuts) == (50000, 1)
    assert ask() == 0
    _goes_silent(cut, ask)


def _goes_silent(cut: TcpCut, ask: object) -> None:
    assert callable(ask)
    cut.silent_after(50000, "down")
    with pytest.raises(subprocess.TimeoutExpired):
        ask(2)
    cut.restore()
    assert ask() == 0
