"""Servers as old as real ones: logins, algorithms, commands and charsets that are not today's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import (
    new_digests,
    pictures,
    require_discreet,
    require_same,
    require_settled,
    require_told,
)
from tests.integration.deploy.site import Site
from tests.lab import Fleet, Lab, SshdOptions, application, legacy_host_keys
from tests.lab.sshd import Login

ED25519 = ("ed25519",)


@pytest.mark.parametrize("login", ["password", "keyboard-interactive"])
async def test_a_server_that_takes_no_key_is_deployed_to_by_password(
    login: Login, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    options = SshdOptions(host_keys=ED25519, logins=(login,))
    fleet = lab.nodes(1, options=options)
    (node,) = fleet.nodes
    password = node.sshd.password_login
    site = Site(fleet=fleet, folder=tmp_path, logins={"was01": password})
    sent = application("2.0.0")
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), new_digests(sent))
        assert f"Accepted {login}" in node.sshd.log.read_text()
        await require_settled(site, lab, job)
        require_discreet(site, password.password)
        tell(f"키 없이 {login} 로그인만 되는 서버", site, job)


async def test_a_password_that_has_changed_is_told_before_the_plan(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, options=SshdOptions(host_keys=ED25519, logins=("password",)), web=False)
    wrong = fleet.nodes[0].sshd.password_login.model_copy(update={"password": "wr0ng-Secret"})
    site = Site(fleet=fleet, folder=tmp_path, logins={"was01": wrong})
    async with site.open():
        before = site.digests()
        answer = await site.refused(application("2.0.0"))
        assert site.digests() == before
        require_told(answer, "was01", "인증 정보가 거부", "암호나 키가 바뀌었는지")
        require_discreet(site, "wr0ng-Secret")
        tell("계획 전: 암호가 바뀐 계정", site, answer)


@pytest.mark.parametrize("kind", ["rsa", "dss"])
async def test_an_old_server_needs_its_profile_and_the_report_says_that_it_was_used(
    kind: str, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    if kind not in legacy_host_keys():
        pytest.skip("this OpenSSH has no ssh-dss any more")
    fleet = lab.nodes(1, options=SshdOptions(legacy="rsa" if kind == "rsa" else "dss"))
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    sent = application("2.0.0")
    async with site.open():
        job = await site.ask(sent)
        require_told(site.world.messenger.at(job.card).now, "오래된 암호 방식", f"ssh-{kind}")
        job = await site.approve(job)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), new_digests(sent))
        await require_settled(site, lab, job)
        require_told(
            site.report(job), "오래된 SSH 알고리즘으로 접속한 노드", "was01", f"ssh-{kind}"
        )
        tell(f"오래된 서버(ssh-{kind}), 허용한 뒤", site, job)


@pytest.mark.parametrize("kind", ["rsa", "dss"])
async def test_an_old_server_without_its_profile_is_refused_with_what_it_needs(
    kind: str, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    if kind not in legacy_host_keys():
        pytest.skip("this OpenSSH has no ssh-dss any more")
    options = SshdOptions(legacy="rsa" if kind == "rsa" else "dss")
    fleet = lab.nodes(1, options=options, web=False)
    site = Site(fleet=fleet, folder=tmp_path, targets={"was01": {"legacy": ()}})
    async with site.open():
        answer = await site.refused(application("2.0.0"))
        require_told(answer, "was01", "오래된 암호화 방식", "legacy", "변경된 것은 없습니다")
        require_told(answer, "필요한 허용", "kex")
        assert "Accepted" not in fleet.nodes[0].sshd.log.read_text()
        require_discreet(site)
        tell(f"계획 전: 오래된 서버(ssh-{kind}), 허용하기 전", site, answer)


async def test_an_account_for_files_alone_takes_what_needs_no_restart(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    options = SshdOptions(host_keys=ED25519, sftp_only=True)
    fleet = lab.nodes(1, options=options, web=False)
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    old, sent = node.digests(), pictures(6, 50_000, seed=4) | {"index.html": b"new"}
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), old | new_digests(sent))
        await require_settled(site, lab, job)
        tell("셸 없이 SFTP만 되는 계정, 정적 파일", site, job)
        back = await site.approve(await site.ask(action="rollback"))
        assert back.state is JobState.SUCCEEDED, site.failed_steps(back)
        assert node.digests() == old


async def test_an_account_for_files_alone_is_not_asked_to_restart_anything(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    options = SshdOptions(host_keys=ED25519, sftp_only=True)
    fleet = lab.nodes(1, options=options, web=False)
    site = Site(fleet=fleet, folder=tmp_path)
    before = site.digests()
    async with site.open():
        job = await site.deploy(application("2.0.0"))
        assert job.state is JobState.FAILED
        assert site.failed_steps(job) == [("was01.01-preflight", "no_shell")]
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), "was01", "명령을 실행할 수 없습니다", "재기동 없이")
        tell("셸 없이 SFTP만 되는 계정, 재기동이 필요한 파일", site, job)


async def test_a_server_without_tar_gets_every_file_one_by_one(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, options=SshdOptions(host_keys=ED25519, without=("tar",)))
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    sent = application("2.0.0") | pictures(30, 20_000, seed=5)
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), new_digests(sent))
        await require_settled(site, lab, job)
        tell("tar가 없는 서버", site, job)


async def test_a_server_without_sha256sum_is_checked_by_reading_back(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, options=SshdOptions(host_keys=ED25519, without=("sha256sum", "tar")))
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    sent = application("2.0.0")
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), new_digests(sent))
        await require_settled(site, lab, job)
        tell("sha256sum과 tar가 없는 서버", site, job)


def _cp949(fleet: Fleet, folder: Path) -> Site:
    targets = {node.node_id: {"charset": "cp949"} for node in fleet.nodes}
    return Site(fleet=fleet, folder=folder, targets=targets)


async def test_korean_names_lie_on_an_euc_kr_server_in_its_own_charset(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, web=False)
    (node,) = fleet.nodes
    site = _cp949(fleet, tmp_path)
    sent = {f"화면/예산 {number}호.html": f"{number}".encode() for number in range(6)}
    before = node.digests()
    async with site.open():
        job = await site.deploy(sent)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        folder = node.deploy_path / os.fsdecode("화면".encode("cp949"))
        found = {
            os.fsencode(path.name).decode("cp949"): path.read_bytes() for path in folder.iterdir()
        }
        assert found == {path.removeprefix("화면/"): content for path, content in sent.items()}
        await require_settled(site, lab, job)
        tell("EUC-KR 서버의 한글 파일 이름", site, job)
        back = await site.approve(await site.ask(action="rollback"))
        assert back.state is JobState.SUCCEEDED, site.failed_steps(back)
        assert node.digests() == before


async def test_the_korean_log_of_an_euc_kr_server_is_read_as_it_was_written(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = _cp949(lab.nodes(1), tmp_path)
    before = site.digests()
    words = "예산 테이블 조회 실패: java.sql.SQLException ORA-00942"
    async with site.open():
        job = await site.deploy(application("2.0.0", mode="no-start", log=words.encode("cp949")))
        assert job.state is JobState.ROLLED_BACK
        assert site.digests() == before
        await require_settled(site, lab, job)
        require_told(site.report(job), words, "was01")
        tell("EUC-KR 로그가 있는 서버에서 기동 실패", site, job)


async def test_a_log_in_another_charset_than_registered_fails_nothing(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1), folder=tmp_path)
    noise = "로그".encode("cp949") + b"\xff\xfe\x1b[31m"
    async with site.open():
        job = await site.deploy(application("2.0.0", log=noise))
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        await require_settled(site, lab, job)
        assert "\x1b" not in site.report(job)
        tell("등록된 것과 다른 문자 집합의 로그", site, job)


async def test_a_name_that_a_server_cannot_write_is_refused_before_the_plan(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = _cp949(lab.nodes(1, web=False), tmp_path)
    before = site.digests()
    async with site.open():
        answer = await site.refused({"img/☃️🎉.png": b"x", "index.html": b"new"})
        require_told(answer, "was01", "문자 집합", "🎉.png", "변경된 것은 없습니다")
        assert site.digests() == before
        require_discreet(site)
        tell("계획 전: EUC-KR로 쓸 수 없는 파일 이름", site, answer)
