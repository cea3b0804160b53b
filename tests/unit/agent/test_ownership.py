"""Owner and group of what is replaced: kept where our login may, and named where it may not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.operations import ownership, staging
from agent.transports.transport import Entry, Output, TransportError
from agent.wire.operations import ReplaceFiles, StageFiles
from agent.wire.plan import NodeTarget
from tests.fakes.agent import FakeBlobs, FakeNode, LocalTransport, a_context, a_target, specs

US = {"-u": "1001\n", "-G": "1001 27 2000\n"}  # what id says of us


def entry(uid: int | None, gid: int | None) -> Entry:
    return Entry(kind="file", uid=uid, gid=gid)


class Told(LocalTransport):
    """A server on which we are deploy, and whose chgrp ends with ``status``."""

    def __init__(self, *, status: int = 0, shell: bool = True) -> None:
        super().__init__(shell=shell)
        self.status = status
        self.answer = self._answer

    def _answer(self, arguments: Sequence[str]) -> Output:
        named = "tomcat:tomcat\n" if "%U:%G" in arguments else "tomcat\n"
        said = {"id": US.get(arguments[1], ""), "stat": named}
        status = self.status if arguments[0] == "chgrp" else 0
        return Output(status=status, stdout=said.get(arguments[0], ""), stderr="")


@pytest.fixture
def target(tmp_path: Path) -> NodeTarget:
    return a_target(tmp_path)


async def test_names_the_owners_and_groups_that_are_not_kept() -> None:
    entries = {
        "ours": entry(1001, 1001),
        "theirs, our group": entry(33, 27),
        "theirs": entry(33, 33),
        "new": None,
        "nobody knows": entry(None, None),
    }
    found = await ownership.not_kept(Told(), "/app", entries)
    assert found == {"theirs, our group": "tomcat", "theirs": "tomcat:tomcat"}


async def test_asks_once_for_each_owner_however_many_files() -> None:
    server = Told()
    entries = {f"{number}.jsp": entry(33, 33) for number in range(3000)}
    assert 0 < len(await ownership.not_kept(server, "/app", entries)) < 3000
    assert [arguments[0] for arguments in server.ran] == ["id", "id", "stat"]


async def test_an_owner_without_a_name_is_told_by_number() -> None:
    server = Told()
    server.answer = lambda arguments: Output(
        status=0, stdout=US.get(arguments[1], "UNKNOWN:UNKNOWN\n"), stderr=""
    )
    assert await ownership.not_kept(server, "/app", {"a": entry(33, 34)}) == {"a": "33:34"}


async def test_a_server_that_answers_too_late_says_nothing() -> None:
    class Late(LocalTransport):
        async def run(self, arguments: Sequence[str], **more: object) -> Output:
            raise TransportError("timeout")

    assert await ownership.not_kept(Late(), "/app", {"a": entry(33, 34)}) == {}


async def test_a_server_that_cannot_be_asked_says_nothing() -> None:
    assert await ownership.not_kept(Told(shell=False), "/app", {"a": entry(33, 33)}) == {}


@pytest.mark.parametrize(("status", "said"), [(0, 0), (1, 1)])
async def test_staged_files_get_the_group_of_what_they_replace(
    status: int, said: int, target: NodeTarget
) -> None:
    server = Told(status=status)
    context = a_context(target, FakeNode(transport=server))
    staged = {name: entry(1001, 1001) for name in ("one", "two", "same")}
    places = [("one", entry(33, 27)), ("two", entry(33, 27)), ("same", entry(1001, 1001))]
    await ownership.keep_groups(context, server, places, staged=staged, folder="/app/.g")
    assert server.ran == [["chgrp", "--", "27", "/app/.g/one", "/app/.g/two"]]
    assert len(context.output) == said  # not kept is no failure, and on the record


async def test_where_nothing_can_be_run_no_group_is_kept(target: NodeTarget) -> None:
    server = Told(shell=False)
    context = a_context(target, FakeNode(transport=server))
    places = [("one", entry(33, 27))]
    staged = {"one": entry(1001, 1001)}
    await ownership.keep_groups(context, server, places, staged=staged, folder="/app/.g")
    assert server.ran == []


async def test_a_replaced_file_keeps_its_group_and_mode_by_the_servers_own_chgrp(
    target: NodeTarget,
) -> None:
    others = [group for group in os.getgroups() if group != os.getegid()]
    if os.geteuid() != 0 and not others:
        pytest.skip("this account is in one group only")
    group = others[0] if others else 12_345
    bodies = {"a.jsp": b"new", "sub/-n b.jsp": b"also new"}
    for path in bodies:
        file = Path(target.deploy_path, path)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"old")
        os.chown(file, -1, group)
        file.chmod(0o640)
    context = a_context(target, FakeNode(), blobs=FakeBlobs(list(bodies.values())))
    await staging.stage(context, StageFiles(files=specs(bodies)))
    await staging.replace(context, ReplaceFiles(files=specs(bodies)))
    for path, body in bodies.items():
        file = Path(target.deploy_path, path)
        found = file.stat()
        assert (found.st_gid, found.st_mode & 0o777, file.read_bytes()) == (group, 0o640, body)
