"""The SSH transport against a real OpenSSH server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from agent.transports.ssh import connect
from agent.transports.transport import TransportError
from agent.wire.plan import KeyLogin, NodeAccess, PasswordLogin
from tests.fakes.agent import ODD_NAMES
from tests.integration.agent.conftest import Sshd

AUTHENTICATION = ("userauth-request", "Accepted", "Failed", "Postponed")


async def pieces(*bodies: bytes) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body


async def test_arguments_arrive_as_they_are(sshd: Sshd, tmp_path: Path) -> None:
    odd = [*ODD_NAMES, "", "new\nline", "$HOME", "~", "*", "!!", "\\"]
    async with connect(sshd.access(tmp_path)) as server:
        output = await server.run(["printf", "[%s]", *odd], timeout_s=30)
    assert output.status == 0
    assert output.stdout == "".join(f"[{argument}]" for argument in odd)


async def test_status_and_both_streams_come_back(sshd: Sshd, tmp_path: Path) -> None:
    script = "echo out; echo err >&2; exit 3"
    async with connect(sshd.access(tmp_path)) as server:
        output = await server.run(["sh", "-c", script], timeout_s=30)
    assert (output.status, output.stdout, output.stderr) == (3, "out\n", "err\n")


async def test_output_without_end_is_bounded(sshd: Sshd, tmp_path: Path) -> None:
    async with connect(sshd.access(tmp_path)) as server:
        output = await server.run(["seq", "1", "400000"], timeout_s=60)
    assert output.stdout.startswith("1\n2\n")
    assert output.stdout.endswith("400000\n")
    assert len(output.stdout) < (1 << 20) + 100


@pytest.mark.parametrize(("limits", "code"), [((6.0, 60.0), "timeout"), ((60.0, 6.0), "silence")])
async def test_a_limit_keeps_what_was_said(
    sshd: Sshd, tmp_path: Path, limits: tuple[float, float], code: str
) -> None:
    timeout_s, silence_s = limits
    async with connect(sshd.access(tmp_path)) as server:
        with pytest.raises(TransportError) as failed:
            await server.run(
                ["sh", "-c", "echo begun; sleep 120"], timeout_s=timeout_s, silence_s=silence_s
            )
    assert failed.value.code == code
    assert failed.value.output is not None
    assert failed.value.output.stdout == "begun\n"


async def test_words_now_and_then_are_no_silence(sshd: Sshd, tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; sleep 0.5; done"
    async with connect(sshd.access(tmp_path)) as server:
        output = await server.run(["sh", "-c", script], timeout_s=120, silence_s=5)
    assert output.status == 0


async def test_a_daemon_that_keeps_the_stream_open_does_not_keep_us(
    sshd: Sshd, tmp_path: Path
) -> None:
    async with connect(sshd.access(tmp_path)) as server, asyncio.timeout(100):
        output = await server.run(["sh", "-c", "sleep 120 & echo started"], timeout_s=90)
    assert (output.status, output.stdout) == (0, "started\n")


async def test_korean_names_of_a_cp949_server(sshd: Sshd, tmp_path: Path) -> None:
    path = f"{tmp_path}/한글.txt"
    async with connect(sshd.access(tmp_path, charset="cp949")) as server:
        await server.put(pieces("내용".encode("cp949")), path)
        assert (await server.run(["cat", "--", path], timeout_s=30)).stdout == "내용"
        assert "한글.txt" in await server.files.names(str(tmp_path))
        with pytest.raises(TransportError) as failed:
            await server.run(["ls", "😀"], timeout_s=30)
    assert failed.value.code == "name_not_encodable"
    assert (str(tmp_path).encode() + b"/" + "한글.txt".encode("cp949")) in [
        bytes(entry) for entry in tmp_path.iterdir()
    ]


async def test_files_in_pieces_from_an_offset_and_atomically(sshd: Sshd, tmp_path: Path) -> None:
    big = bytes(range(256)) * 4096
    path = str(tmp_path / "big")
    async with connect(sshd.access(tmp_path)) as server:
        await server.put(pieces(big[:700_000], big[700_000:]), path)
        assert await server.read(path, limit=2 << 20) == big
        assert await server.read(path, offset=len(big) - 3, limit=10) == big[-3:]
        assert await server.read(path, offset=len(big) + 3, limit=10) == b""
        (tmp_path / "there").write_text("old")
        await server.files.rename(path, str(tmp_path / "there"), mode=0o640)
        entry = await server.files.stat(str(tmp_path / "there"))
        assert entry is not None
        assert (entry.kind, entry.size, entry.mode) == ("file", len(big), 0o640)


async def test_looks_without_following(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("/no/such/place")
    async with connect(sshd.access(tmp_path)) as server:
        link = await server.files.stat(str(tmp_path / "link"))
        dangling = await server.files.stat(str(tmp_path / "dangling"))
        below = await server.files.stat(str(tmp_path / "absent/x"))
        assert await server.files.names(str(tmp_path / "absent")) == ()
    assert link is not None
    assert (link.kind, link.real) == ("link", str((tmp_path / "folder").resolve()))
    assert dangling is not None
    assert dangling.kind == "link"
    assert below is None


async def test_what_is_missing_is_told_as_such(sshd: Sshd, tmp_path: Path) -> None:
    async with connect(sshd.access(tmp_path)) as server:
        with pytest.raises(TransportError) as failed:
            await server.read(str(tmp_path / "absent"), limit=1)
        assert failed.value.code == "not_found"
        (tmp_path / "file").write_text("x")
        with pytest.raises(TransportError) as failed:
            await server.files.make_folder(str(tmp_path / "file/below"))
        assert failed.value.code == "write_failed"


@pytest.mark.parametrize("sshd", ["DEBUG1"], indirect=True)
@pytest.mark.parametrize("login", ["key", "password"])
async def test_an_unknown_host_key_stops_before_authentication(
    sshd: Sshd, tmp_path: Path, login: str
) -> None:
    access = sshd.access(tmp_path, host_key="SHA256:" + "A" * 43)
    if login == "password":
        access = access.model_copy(update={"login": PasswordLogin(password="open sesame")})
    with pytest.raises(TransportError) as failed:
        async with connect(access):
            pass
    assert failed.value.code == "host_key_changed"
    assert failed.value.values["seen"] in sshd.host_keys
    said = sshd.log.read_text()
    assert "Connection from 127.0.0.1" in said
    assert not [word for word in AUTHENTICATION if word in said]


async def test_a_pinned_key_that_is_not_shown_first_is_asked_for(
    sshd: Sshd, tmp_path: Path
) -> None:
    async with connect(sshd.access(tmp_path, host_key=sshd.host_keys[1])) as server:
        assert (await server.run(["true"], timeout_s=30)).status == 0


async def test_a_wrong_login_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    access = NodeAccess(target=sshd.target(tmp_path), login=KeyLogin(private_key=stranger))
    with pytest.raises(TransportError) as failed:
        async with connect(access):
            pass
    assert failed.value.code == "login_refused"
    assert stranger not in repr(failed.value)


async def test_a_key_that_is_none_is_a_refused_login(sshd: Sshd, tmp_path: Path) -> None:
    access = NodeAccess(target=sshd.target(tmp_path), login=KeyLogin(private_key="not a key"))
    with pytest.raises(TransportError) as failed:
        async with connect(access):
            pass
    assert failed.value.code == "login_refused"


async def test_nobody_there_is_unreachable(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(TransportError) as failed:
        async with connect(sshd.access(tmp_path, port=1)):
            pass
    assert failed.value.code == "unreachable"


async def test_takes_no_key_and_no_configuration_from_the_surroundings(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/id_ed25519").write_text(sshd.login_key)
    (home / ".ssh/id_ed25519").chmod(0o600)
    (home / ".ssh/config").write_text("Host *\n  Port 1\n  User nobody\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent.sock"))
    async with connect(sshd.access(tmp_path)) as server:
        assert (await server.run(["true"], timeout_s=30)).status == 0
    access = NodeAccess(target=sshd.target(tmp_path), login=PasswordLogin(password="wrong"))
    with pytest.raises(TransportError) as failed:
        async with connect(access):
            pass
    assert failed.value.code == "login_refused"
    assert sshd.log.read_text().count("Accepted publickey") == 1
