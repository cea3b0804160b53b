"""Logins on a real sshd: who is there, and the end of the very one that was seen."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.operations import sessions
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.wire.checks import EndSession, ListSessions
from agent.wire.readings import Row
from agent.wire.results import Done
from bot.core.domain.job import JobState
from tests.fakes.logins import login_record
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import Recorded, context_of, looked
from tests.lab import Fleet, Lab, LabNode, Sshd, SshdOptions
from tests.lab.account import Unavailable
from tests.lab.processes import alive, descendants

DEPLOY = Path(__file__).parents[3] / "deploy"
HELPER = DEPLOY / "sbin" / "guardia-end-session"
RULE = DEPLOY / "sudoers.d" / "opsagent"
ROOT_ONLY = "this needs root"


@pytest.fixture(scope="module")
def fleet(module_lab: Lab) -> Fleet:
    return module_lab.nodes(1, web=False)


@pytest.fixture
def node(fleet: Fleet) -> LabNode:
    return fleet.nodes[0]


@asynccontextmanager
async def terminal(sshd: Sshd) -> AsyncIterator[tuple[int, subprocess.Popen[bytes]]]:
    """Somebody logs in on a terminal; the process of the session, and the client's."""
    program, *rest = shlex.split(sshd.command)
    client = subprocess.Popen(
        [program, "-tt", *rest],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(120):
            while not (pid := _terminal_of(sshd)):
                await asyncio.sleep(0.05)
        yield pid, client
    finally:
        client.kill()
        client.wait()


def _terminal_of(sshd: Sshd) -> int | None:
    """Labs of other tests share the machine: only what came of this server counts."""
    assert sshd._process is not None
    for pid in descendants(sshd._process.pid):
        if "@pts/" in _title(pid):
            return pid
    return None


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


async def rows(context: StepContext) -> dict[int, Row]:
    reading = await sessions.list_sessions(context, ListSessions())
    grid = reading.grid("sessions")
    assert grid is not None
    return {int(row.cells[0] or 0): row for row in grid.rows}


# --- list_sessions --------------------------------------------------------------------------------


async def test_a_login_on_a_terminal_is_listed_with_when_it_began(node: LabNode) -> None:
    async with terminal(node.sshd) as (pid, _):
        found = (await rows(context_of(node.access())))[pid]
    user, shown, source, since, idle, ticks = found.cells[1:]
    assert (user, ticks) == (node.sshd.user, started_of(found))
    assert str(shown).startswith("pts/")
    assert source is None  # this machine keeps no table of logins
    assert str(since).startswith("20")
    assert isinstance(idle, int)


def started_of(row: Row) -> int:
    return int(row.cells[6] or 0)


async def test_half_of_where_it_came_from_is_sent_and_the_rest_is_not(node: LabNode) -> None:
    async with terminal(node.sshd) as (pid, _):
        line = _title(pid).strip().rpartition("@")[2]
        table = login_record(pid=pid, line=line, user=node.sshd.user)
        book = Recorded(instead={"/run/utmp": table})
        reading = await sessions.list_sessions(context_of(node.access(), book), ListSessions())
    assert "10.20.*.*" in reading.model_dump_json()
    assert "30.40" not in reading.model_dump_json()


async def test_the_agents_own_login_is_counted_and_not_named(node: LabNode) -> None:
    context = context_of(node.access())
    async with context.server():
        reading = await sessions.list_sessions(context, ListSessions())
    without = reading.fact("without_terminal")
    assert without is not None
    assert isinstance(without.value, int)
    assert without.value >= 2
    assert "notty" not in reading.model_dump_json()


async def test_what_runs_is_one_fixed_list_of_arguments(node: LabNode) -> None:
    book = Recorded()
    await rows(context_of(node.access(), book))
    fields = ["-o", "pid=", "-o", "ppid=", "-o", "uid=", "-o", "args="]
    assert book.ran == [["ps", "-ww", "-C", "sshd,sshd-session,login", *fields]]


async def test_an_account_without_a_shell_cannot_tell(module_lab: Lab, node: LabNode) -> None:
    sshd = module_lab.sshd("files-only", options=SshdOptions(sftp_only=True))
    access = node.access(
        host=sshd.host, port=sshd.port, host_key=sshd.host_key, login=sshd.key_login
    )
    with pytest.raises(OperationFailed) as failed:
        await sessions.list_sessions(context_of(access), ListSessions())
    assert failed.value.code == "needs_shell"


# --- end_session ----------------------------------------------------------------------------------


async def test_the_session_that_was_seen_ends_and_the_person_is_out(node: LabNode) -> None:
    book = Recorded()
    context = context_of(node.access(), book)
    async with terminal(node.sshd) as (pid, client):
        operation = EndSession(pid=pid, started=started_of((await rows(context))[pid]))
        assert await sessions.is_ended(context, operation) is Verified.NOT_DONE
        assert await sessions.end_session(context, operation) == Done()
        assert await asyncio.to_thread(client.wait, 120) != 0
    assert ["kill", "-TERM", str(pid)] in book.ran
    assert not [arguments for arguments in book.ran if arguments[0] == "sudo"]
    assert await sessions.is_ended(context, operation) is Verified.DONE
    assert await sessions.end_session(context, operation) == Done(note="already_ended")


async def test_another_process_of_that_number_is_left_alone(node: LabNode) -> None:
    async with terminal(node.sshd) as (pid, client):
        operation = EndSession(pid=pid, started=started(pid) - 1)
        with pytest.raises(OperationFailed) as failed:
            await sessions.end_session(context_of(node.access()), operation)
        assert failed.value.code == "session_changed"
        assert client.poll() is None


async def test_a_service_of_our_own_account_is_no_session(node: LabNode) -> None:
    pid = node.service.pid
    assert pid is not None
    operation = EndSession(pid=pid, started=started(pid))
    with pytest.raises(OperationFailed) as failed:
        await sessions.end_session(context_of(node.access()), operation)
    assert failed.value.code == "not_a_session"
    assert alive(pid)


async def test_our_own_connection_is_no_session(node: LabNode) -> None:
    context = context_of(node.access())
    async with context.server():
        assert node.sshd._process is not None
        own = [pid for pid in descendants(node.sshd._process.pid) if "@notty" in _title(pid)]
        assert own
        for pid in own:
            operation = EndSession(pid=pid, started=started(pid))
            with pytest.raises(OperationFailed) as failed:
                await sessions.end_session(context, operation)
            assert failed.value.code == "not_a_session"
            assert alive(pid)


def as_another(
    node: LabNode, access_of: Sshd | None = None, book: Recorded | None = None
) -> StepContext:
    """The world of an agent that logs in as somebody else than who sits at the terminal."""
    sshd = access_of or node.sshd
    access = node.access(
        host=sshd.host, port=sshd.port, host_key=sshd.host_key, login=sshd.key_login
    )
    context = context_of(access, book)
    return replace(context, target=access.target.model_copy(update={"user": "opsagent"}))


async def test_without_the_rule_anothers_session_goes_on(node: LabNode) -> None:
    book = Recorded()
    async with terminal(node.sshd) as (pid, client):
        operation = EndSession(pid=pid, started=started(pid))
        with pytest.raises(OperationFailed) as failed:
            await sessions.end_session(as_another(node, book=book), operation)
        assert failed.value.code == "sudo_refused"
        assert client.poll() is None
    asked = ["sudo", "-n", "--", sessions.HELPER, str(pid), str(operation.started)]
    assert [arguments for arguments in book.ran if arguments[0] in {"sudo", "kill"}] == [asked]


@pytest.fixture(scope="module")
def ruled(module_lab: Lab) -> Sshd:
    """A server where the shipped rule and program are installed, for the lab's own account."""
    if not module_lab.account.switch:
        raise Unavailable(ROOT_ONLY)
    places = []
    for name, source, place, mode in (
        ("rules", RULE, "/etc/sudoers.d", 0o440),
        ("programs", HELPER, "/usr/local/sbin", 0o755),
    ):
        folder = module_lab.root / name
        folder.mkdir(mode=0o755)
        text = source.read_text("utf-8").replace("opsagent ALL", f"{module_lab.account.name} ALL")
        (folder / source.name).write_text(text, "utf-8")
        (folder / source.name).chmod(mode)
        places.append((folder, place))
    options = SshdOptions(host_keys=("ed25519",), private=tuple(places))
    return module_lab.sshd("ruled", options=options)


async def test_with_the_rule_anothers_session_ends_through_sudo(node: LabNode, ruled: Sshd) -> None:
    context = as_another(node, ruled)
    async with terminal(ruled) as (pid, client):
        operation = EndSession(pid=pid, started=started(pid))
        assert await sessions.end_session(context, operation) == Done()
        assert await asyncio.to_thread(client.wait, 120) != 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["/bin/sh"],
        ["/usr/bin/kill", "1"],
        [sessions.HELPER],
        [sessions.HELPER, "1"],
        [sessions.HELPER, "a", "b"],
    ],
    ids=" ".join,
)
async def test_the_rule_allows_nothing_else(
    node: LabNode, ruled: Sshd, arguments: list[str]
) -> None:
    async with as_another(node, ruled).server() as server:
        said = await server.run(["sudo", "-n", "--", *arguments], timeout_s=120)
    assert said.status == 1  # sudo's own no


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["12", "34 56"], 64),
        (["1 2", "3"], 64),
        (["12;reboot", "3"], 64),
        (["$(reboot)", "3"], 64),
        (["-1", "3"], 64),
        (["1", "3"], 64),
        (["../1", "3"], 64),
        (["0x10", "3"], 64),
        (["٣٣", "3"], 64),
        (["4194303", "1"], 65),
        (["2", "1"], 65),
        ([], 64),
        (["2", "3", "4"], 64),
    ],
)
def test_the_program_takes_two_numbers_of_a_living_session(
    arguments: list[str], status: int
) -> None:
    ended = subprocess.run(["sh", HELPER, *arguments], capture_output=True, check=False)
    assert ended.returncode == status
    assert ended.stderr.startswith(b"guardia-end-session: ")


async def test_the_program_ends_nothing_that_is_no_login(node: LabNode) -> None:
    context = context_of(node.access())
    async with context.server():
        assert node.sshd._process is not None
        below = [pid for pid in descendants(node.sshd._process.pid) if "@" in _title(pid)]
        for pid in (node.service.pid or 0, node.sshd._process.pid, *below):
            ended = subprocess.run(
                ["sh", HELPER, str(pid), str(started(pid))], capture_output=True, check=False
            )
            assert ended.returncode == 66, ended.stderr
            assert alive(pid)


def test_the_rule_is_valid_and_the_program_is_plain_sh(tmp_path: Path) -> None:
    visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin:/sbin")
    if visudo is None:
        raise Unavailable("no visudo: run deploy/system-packages.sh")
    rule = tmp_path / "opsagent"
    rule.write_bytes(RULE.read_bytes())
    rule.chmod(0o440)
    checked = subprocess.run([visudo, "-c", "-f", rule], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert subprocess.run(["sh", "-n", HELPER], check=False).returncode == 0
    assert sessions.HELPER in RULE.read_text("utf-8")


# --- as people ask for it -------------------------------------------------------------------------


@pytest.fixture
async def site(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Site]:
    async with Site(fleet=fleet, folder=tmp_path, env="dev").open() as opened:
        yield opened


async def test_a_person_sees_who_is_logged_in_and_ends_one_with_a_code(
    node: LabNode, site: Site
) -> None:
    async with terminal(node.sshd) as (pid, client):
        _, listed = await looked(site, "list_sessions")
        assert str(pid) in listed
        assert node.sshd.user in listed
        assert str(started(pid)) not in listed  # of no use to people
        job = await site.ask(action="kill_session", params={"pid": pid}, by="operator", thread="2")
        assert job.state is JobState.AWAITING_APPROVAL  # in development, too
        said = site.world.said()
        assert f"was01에서 {node.sshd.user} 계정의 접속 세션(PID {pid}, pts/" in said
        job = await site.approve(job)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        assert await asyncio.to_thread(client.wait, 120) != 0
    assert f"was01 · {node.sshd.user} 접속 세션(PID {pid}) 종료" in site.report(job)


async def test_a_number_that_is_no_session_is_refused_in_words(node: LabNode, site: Site) -> None:
    answer = await site.refused(
        action="kill_session", params={"pid": node.service.pid}, by="operator"
    )
    assert f"PID {node.service.pid}인 접속 세션이 지금은 없습니다." in answer.summary
    assert alive(node.service.pid or 0)
