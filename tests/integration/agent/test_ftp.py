"""The FTP transport against a real vsftpd, and against servers that answer oddly."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.operations import backup, fingerprints, preflight, staging
from agent.operations.context import OperationFailed, StepContext
from agent.transports.reach import connect
from agent.transports.transport import Transport, TransportError
from agent.wire import operations as wire
from agent.wire.plan import KeyLogin, NodeAccess, PasswordLogin
from tests.fakes.agent import JOB, ODD_NAMES, FakeBlobs, a_plan, a_target, specs
from tests.lab.lab import Lab
from tests.lab.vsftpd import Vsftpd

NUMBERS = itertools.count(1)


async def pieces(*bodies: bytes) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened


@pytest.fixture(params=[True, False], ids=["jailed", "free"])
def ftp(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Vsftpd]:
    part = Vsftpd(lab.ground, f"ftp{next(NUMBERS)}", jailed=request.param)
    with part:
        lab.account.make_folder(part.root / "app")
        yield part


def access_to(ftp: Vsftpd, root: Path, **changes: object) -> NodeAccess:
    values: dict[str, object] = {
        "host": ftp.host,
        "port": ftp.port,
        "user": ftp.user,
        "host_key": None,
        "transfer": "ftp",
        "deploy_path": f"{ftp.visible_root}/app",
        "backup_path": f"{ftp.visible_root}/backup",
    }
    return NodeAccess(target=a_target(root, **{**values, **changes}), login=ftp.login)


def a_context(access: NodeAccess, bodies: dict[str, bytes]) -> StepContext:
    return StepContext(
        job_id=JOB,
        step_id="s1",
        plan=a_plan(access.target, ()),
        target=access.target,
        server=lambda: connect(access),
        blobs=FakeBlobs(list(bodies.values())),
        earlier={},
        report=lambda done, total: None,
    )


async def code(server: Transport, awaitable: object) -> str:
    with pytest.raises(TransportError) as failed:
        await awaitable  # type: ignore[misc]
    return failed.value.code


async def test_files_in_pieces_from_an_offset_and_in_place_of_others(
    ftp: Vsftpd, tmp_path: Path
) -> None:
    big = bytes(range(256)) * 4096
    async with connect(access_to(ftp, tmp_path)) as server:
        app = f"{ftp.visible_root}/app"
        assert (server.shell, server.legacy) == (False, ())
        await server.put(pieces(big[:700_000], big[700_000:]), f"{app}/.guardia-draft")
        path = f"{app}/.guardia-draft"
        assert await server.read(path, limit=2 << 20) == big
        assert await server.read(path, offset=3, limit=10) == big[3:13]
        assert await server.read(path, offset=len(big) - 3, limit=10) == big[-3:]
        assert await server.read(path, offset=len(big) + 3, limit=10) == b""
        (ftp.root / "app/there").write_text("old")
        await server.files.rename(path, f"{app}/there", mode=0o640)
        entry = await server.files.stat(f"{app}/there")
        assert entry is not None
        assert (entry.kind, entry.size, entry.mode) == ("file", len(big), 0o640)
        assert await server.files.names(app) == ("there",)


async def test_names_are_only_names(ftp: Vsftpd, tmp_path: Path) -> None:
    async with connect(access_to(ftp, tmp_path)) as server:
        app = f"{ftp.visible_root}/app"
        for name in ODD_NAMES:
            await server.files.make_folder(f"{app}/{name}".rpartition("/")[0])
            await server.put(pieces(name.encode()), f"{app}/{name}")
        for name in ODD_NAMES:
            assert await server.read(f"{app}/{name}", limit=100) == name.encode()
            entry = await server.files.stat(f"{app}/{name}")
            assert entry is not None, name
            assert (ftp.root / "app" / name).read_bytes() == name.encode()
        injected = f"{app}/x\r\nDELE {app}/plain.txt"
        assert await code(server, server.put(pieces(b""), injected)) == "name_not_encodable"
        assert (ftp.root / "app/plain.txt").exists()


async def test_korean_names_of_a_cp949_server(ftp: Vsftpd, tmp_path: Path) -> None:
    async with connect(access_to(ftp, tmp_path, charset="cp949")) as server:
        app = f"{ftp.visible_root}/app"
        await server.put(pieces(b"x"), f"{app}/한글.txt")
        assert await server.files.names(app) == ("한글.txt",)
        assert await code(server, server.put(pieces(b""), f"{app}/😀")) == "name_not_encodable"
    written = [bytes(entry) for entry in (ftp.root / "app").iterdir()]
    assert written == [bytes(ftp.root / "app") + b"/" + "한글.txt".encode("cp949")]


async def test_links_are_seen_and_followed_to_where_they_lead(ftp: Vsftpd, tmp_path: Path) -> None:
    app = ftp.root / "app"
    (app / "folder").mkdir()
    (app / "file").write_text("x")
    (app / "to-folder").symlink_to("folder")
    (app / "to-file").symlink_to("file")
    (app / "dangling").symlink_to("/no/such/place")
    async with connect(access_to(ftp, tmp_path)) as server:
        base = f"{ftp.visible_root}/app"
        found = {name: await server.files.stat(f"{base}/{name}") for name in (
            "folder", "to-folder", "to-file", "dangling", "absent", "file/below")}  # fmt: skip
    told = {name: (entry.kind, entry.real) for name, entry in found.items() if entry}
    assert told == {
        "folder": ("folder", f"{base}/folder"),
        "to-folder": ("link", f"{base}/folder"),
        "to-file": ("link", f"{base}/file"),
        "dangling": ("link", None),
    }


async def test_refusals_are_explained_by_looking(ftp: Vsftpd, tmp_path: Path) -> None:
    app = ftp.root / "app"
    (app / "file").write_text("x")
    (app / "secret").write_text("x")
    (app / "secret").chmod(0o000)
    (app / "closed").mkdir(mode=0o555)
    async with connect(access_to(ftp, tmp_path)) as server:
        base = f"{ftp.visible_root}/app"
        assert await code(server, server.read(f"{base}/absent", limit=1)) == "not_found"
        assert await code(server, server.read(f"{base}/secret", limit=1)) == "permission_denied"
        assert await code(server, server.put(pieces(b""), f"{base}/no/x")) == "not_found"
        closed = server.put(pieces(b""), f"{base}/closed/x")
        assert await code(server, closed) == "permission_denied"
        below = server.files.make_folder(f"{base}/file/below")
        assert await code(server, below) == "write_failed"
        assert await code(server, server.run(["true"], timeout_s=1)) == "no_shell"
        await server.files.remove(f"{base}/absent")


async def test_a_deployment_without_a_shell(ftp: Vsftpd, tmp_path: Path) -> None:
    app = ftp.root / "app"
    new = {f"d{n % 3}/file {n}": b"new %d" % n for n in range(30)} | {"index.html": b"<html>"}
    (app / "index.html").write_bytes(b"old")
    access = access_to(ftp, tmp_path)
    context = a_context(access, new)
    paths = tuple(new)
    space = await preflight.preflight(context, wire.Preflight(bytes_needed=1000))
    assert (space.free_bytes, space.legacy, space.clock_ahead_s) == (None, (), None)
    assert not list(app.glob(".guardia*"))
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=paths))
    await staging.stage(context, wire.StageFiles(files=specs(new)))
    await staging.replace(context, wire.ReplaceFiles(files=specs(new)))
    assert {path: (app / path).read_bytes() for path in new} == new
    found = await fingerprints.fingerprint_files(context, wire.FingerprintFiles(paths=paths))
    assert found.files == {path: hashlib.sha256(body).hexdigest() for path, body in new.items()}
    await backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    assert (app / "index.html").read_bytes() == b"old"
    assert not (app / "d0/file 0").exists()
    assert not list(app.glob(".guardia*"))


async def test_a_full_disk_is_told_as_such(lab: Lab, tmp_path: Path) -> None:
    part = Vsftpd(lab.ground, "full-ftp")
    with part:
        disk = lab.disk("full-ftp/files/app", size=1 << 20)
        disk.fill(leave=200_000)
        body = {"big": bytes(900_000)}
        context = a_context(access_to(part, tmp_path), body)
        with pytest.raises((OperationFailed, TransportError)) as failed:
            await staging.stage(context, wire.StageFiles(files=specs(body)))
        assert failed.value.code == "disk_full"
        disk.stop()


async def test_a_wrong_password_and_a_key_are_refused(ftp: Vsftpd, tmp_path: Path) -> None:
    if not ftp.ground.account.switch:
        pytest.skip("only root can check a password")
    access = access_to(ftp, tmp_path)
    for login in (PasswordLogin(password="wrong"), KeyLogin(private_key="key")):
        with pytest.raises(TransportError) as failed:
            async with connect(access.model_copy(update={"login": login})):
                pass
        assert failed.value.code == "login_refused"


# --- servers that answer oddly ---------------------------------------------------------------


class Odd:
    """A control connection with answers of its own, by command; data to whoever connects."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.heard: list[str] = []
        self.data_port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.answers.get("HELLO", "220-Welcome\r\n2026 is the year\r\n220 ok\r\n")
                     .encode())  # fmt: skip
        while line := await reader.readline():
            command = line.decode().strip()
            self.heard.append(command)
            word = command.split(" ")[0]
            answer = self.answers.get(word, "200 ok")
            if answer:
                writer.write(f"{answer.format(port=self.data_port)}\r\n".encode())
        writer.close()


@asynccontextmanager
async def odd_server(odd: Odd) -> AsyncIterator[int]:
    async def data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-rw-r--r-- 1 a b 3 Jan  1 2026 x\r\n")
        writer.close()

    control = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
    side = await asyncio.start_server(data, "127.0.0.1", 0)
    odd.data_port = side.sockets[0].getsockname()[1]
    try:
        yield control.sockets[0].getsockname()[1]
    finally:
        control.close()
        side.close()


def odd_access(root: Path, port: int) -> NodeAccess:
    target = a_target(
        root, port=port, host_key=None, transfer="ftp", deploy_path="/app", backup_path="/backup"
    )
    return NodeAccess(target=target, login=PasswordLogin(password="pw"))


LOGS_IN = {"USER": "331 ?", "PASS": "230 in", "FEAT": "502 no", "CWD": "250 ok", "QUIT": "221 bye",
           "PWD": '257 "/app"', "EPSV": "500 no", "TYPE": "200 ok"}  # fmt: skip


async def test_a_data_connection_goes_nowhere_but_to_the_server(tmp_path: Path) -> None:
    odd = Odd(**LOGS_IN, PASV="", LIST="150 here\r\n226 done")
    async with odd_server(odd) as port:
        high, low = divmod(odd.data_port, 256)
        odd.answers["PASV"] = f"227 Entering Passive Mode (10,9,8,7,{high},{low})"
        async with connect(odd_access(tmp_path, port)) as server:
            assert await server.files.names("/app") == ("x",)


async def test_silence_at_the_door_is_nobody_there(tmp_path: Path) -> None:
    odd = Odd(HELLO="")
    async with odd_server(odd) as port:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TransportError) as failed:
            async with connect(odd_access(tmp_path, port)):
                pass
    assert failed.value.code == "unreachable"
    assert asyncio.get_running_loop().time() - began < 90  # and not as long as TCP would wait


async def test_a_server_that_lets_nobody_be_replaced_loses_no_file(tmp_path: Path) -> None:
    """RNTO over a file is refused: the old one goes aside first, and comes back on failure."""
    listing = "-rw-r--r-- 1 a b 3 Jan  1 2026 {name}"
    there = {"/app/old", "/app/new"}
    moved: list[tuple[str, str]] = []
    odd = Odd(**LOGS_IN)

    class Strict(Odd):
        source = ""

        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 ok\r\n")
            while line := await reader.readline():
                word, _, path = line.decode().strip().partition(" ")
                writer.write(f"{self.reply(word, path)}\r\n".encode())
            writer.close()

        def reply(self, word: str, path: str) -> str:
            if word == "RNFR":
                self.source = path
                return "350 go on" if path in there else "550 no"
            if word == "RNTO":
                if path in there or (path == "/app/new" and self.source == "/app/old" and refuse):
                    return "553 no"
                there.remove(self.source)
                there.add(path)
                moved.append((self.source, path))
                return "250 ok"
            if word == "DELE":
                there.discard(path)
            if word == "LIST":
                return "150 here\r\n226 done"
            return LOGS_IN.get(word, "250 ok").replace("500 no", f"229 (|||{self.data_port}|)")

    async def data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rows = [listing.format(name=path.rpartition("/")[2]) for path in sorted(there)]
        writer.write("\r\n".join([*rows, ""]).encode())
        writer.close()

    odd = Strict()
    control = await asyncio.start_server(odd.serve, "127.0.0.1", 0)
    side = await asyncio.start_server(data, "127.0.0.1", 0)
    odd.data_port = side.sockets[0].getsockname()[1]
    access = odd_access(tmp_path, control.sockets[0].getsockname()[1])
    try:
        refuse = False
        async with connect(access) as server:
            await server.files.rename("/app/old", "/app/new")
        assert moved == [("/app/new", "/app/old.kept"), ("/app/old", "/app/new")]
        assert there == {"/app/new"}
        there.add("/app/old")
        moved.clear()
        refuse = True
        async with connect(access) as server:
            with pytest.raises(TransportError) as failed:
                await server.files.rename("/app/old", "/app/new")
        assert failed.value.code == "permission_denied"
        assert there == {"/app/old", "/app/new"}
    finally:
        control.close()
        side.close()
