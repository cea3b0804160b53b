"""What people are told to do by hand: complete, typeable, and without anything secret."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from actions.deploy import Deploy
from agent.wire.operations import DrainDevice
from bot.core.cards import final_report, progress_card
from bot.core.cards.recovery import manual_sections
from bot.core.cards.standing import Condition, standing_of
from bot.core.domain.job import Job, JobState, StepRecord, StepState
from bot.core.domain.report import Checklist, Lines, Notice
from bot.core.texts import load_texts
from tests.fakes.planning import NOW, deploy_request, job_of, pair
from tests.fakes.report_text import as_text
from tests.fakes.told_jobs import (
    fleet_plan,
    fleet_rolled_back_job,
    fleet_running_job,
    rollback_failed_job,
    step_at,
    steps_until,
    went_well,
    went_wrong,
)

KO = load_texts("ko")
ADDRESS = re.compile(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b")
PHONE_SCREENS = 60  # rows of two screens


def commands(job: Job) -> list[str]:
    lines = [
        line
        for section in manual_sections(job, KO, whole=True)
        if isinstance(section, Lines)
        for line in section.lines
    ]
    return [line.removeprefix("   $ ") for line in lines if line.startswith("   $ ")]


def nasty(name: str) -> Job:
    """A job that broke with a file of that name, new on its nodes."""
    plan = Deploy().plan(deploy_request({name: "new", "a.class": "changed"}, pair()))
    records = (
        *went_well(plan, steps_until(plan, 0, "health")),
        went_wrong(step_at(plan, 0, "health")),
    )
    return job_of(plan, JobState.ROLLBACK_FAILED, steps=records)


def nasty_in(deploy: str, backup: str, files: dict[str, str]) -> Job:
    """The same in folders of that name."""
    two = pair()
    nodes = tuple(
        replace(
            node,
            wire=node.wire.model_copy(update={"deploy_path": deploy, "backup_path": backup}),
        )
        for node in two.nodes
        if node.wire is not None
    )
    plan = Deploy().plan(deploy_request(files, replace(two, nodes=nodes)))
    records = (
        *went_well(plan, steps_until(plan, 0, "health")),
        went_wrong(step_at(plan, 0, "health")),
    )
    return job_of(plan, JobState.ROLLBACK_FAILED, steps=records)


@pytest.mark.parametrize(
    "name", ["a b.html", "it's.html", "$(reboot).html", "-rf.html", "한글 이름.html", '"q".html']
)
def test_every_path_in_a_command_is_one_word_of_a_shell(name: str) -> None:
    removals = [one for one in commands(nasty(name)) if one.startswith("rm -f")]
    assert removals
    words = shlex.split(removals[0])
    assert words == ["rm", "-f", "--", f"/app/budget/webapps/ROOT/{name}"]


def test_the_commands_put_a_backup_back_in_a_real_folder(tmp_path: Path) -> None:
    """Typed into a shell, in folders whose names a shell would trip over."""
    deploy, backup = tmp_path / "it's $(app)", tmp_path / "back ups"
    files = {"-rf.html": "new", "a b/c.class": "changed", "same.js": "same"}
    job = nasty_in(str(deploy), str(backup), files)
    kept = backup / job.job_id / "files" / "a b"
    for folder in (kept, deploy / "a b"):
        folder.mkdir(parents=True)
    (kept / "c.class").write_text("before")
    (deploy / "a b" / "c.class").write_text("after")
    (deploy / "-rf.html").write_text("after")
    typed = [one for one in commands(job) if one.startswith(("rm -f", "cp -a", "cd "))]
    said = [
        subprocess.run(["sh", "-c", one], capture_output=True, text=True, check=True).stdout
        for one in typed[:3]
    ]
    assert said == ["", "", ""]
    assert (deploy / "a b" / "c.class").read_text() == "before"
    assert not (deploy / "-rf.html").exists()


def test_no_command_names_an_address() -> None:
    assert not [one for one in commands(rollback_failed_job()) if ADDRESS.search(one)]


def test_says_how_the_node_stands_and_how_the_lock_is_released() -> None:
    said = as_text(final_report(rollback_failed_job(), texts=KO))
    assert "파일은 새 버전 · 서비스 중지됨 · 부하분산에서 빠져 있음" in said
    assert "guardia unlock MOEF-BUDGET" in said
    assert "/app/budget/backup/J260401-AB12CD" in said


def test_a_backup_that_could_not_be_read_is_not_copied_unseen() -> None:
    said = as_text(final_report(rollback_failed_job(), texts=KO))
    assert said.index("manifest.json") < said.index("cp -a --")


def test_nothing_is_claimed_of_a_step_that_was_cut_off() -> None:
    job = rollback_failed_job()
    run = job.plan.wire.runs()[0]
    cut = StepRecord(step_id=step_at(job.plan, 0, "replace").step_id, state=StepState.UNKNOWN)
    known = (*went_well(job.plan, steps_until(job.plan, 0, "replace")), cut)
    standing = standing_of(replace(job, steps=known), run)
    assert standing.files is Condition.UNKNOWN
    assert standing.service is Condition.STOPPED
    assert standing.balancer is Condition.OUT


def test_a_fleet_that_needs_hands_is_told_of_a_few_nodes_and_names_the_rest() -> None:
    plan = fleet_plan(12, batch=4)
    records = [
        record
        for node in range(12)
        for record in (
            *went_well(plan, steps_until(plan, node, "start")),
            went_wrong(step_at(plan, node, "start"), "not_started"),
        )
    ]
    job = job_of(plan, JobState.ROLLBACK_FAILED, steps=tuple(records))
    told = manual_sections(job, KO)
    assert [type(section) for section in told] == [Lines, Lines, Lines, Notice]
    assert "9대" in getattr(told[-1], "text", "")
    assert len(manual_sections(job, KO, whole=True)) == 12


def test_the_worst_nodes_of_a_fleet_come_first_and_the_others_are_folded() -> None:
    report = final_report(fleet_rolled_back_job(), texts=KO)
    said = as_text(report)
    assert said.index("was07 | 이전") < said.index("나머지 8대")
    assert report.summary.split(": ", 1)[1].startswith("40대: 이전 버전으로 복원 9 · 변경 없음 31")


def test_progress_of_forty_nodes_is_no_longer_than_two_screens_of_a_phone() -> None:
    card = progress_card(fleet_running_job(NOW), texts=KO, now=NOW)
    rows = sum(len(section.rows) for section in card.sections if isinstance(section, Checklist))
    assert rows <= PHONE_SCREENS
    assert "완료 9대" in as_text(card)


def test_progress_tells_of_the_node_in_trouble_step_by_step() -> None:
    job = fleet_running_job(NOW)
    bad = went_wrong(step_at(job.plan, 12, "health"))
    steps = tuple(bad if each.step_id == bad.step_id else each for each in job.steps)
    said = as_text(progress_card(replace(job, steps=steps), texts=KO, now=NOW))
    assert said.index("[X] moef-budget-prod-was13") < said.index("[>] moef-budget-prod-was10")
    assert "13/40 · moef-budget-prod-was13" in said


def test_where_nothing_can_be_run_the_files_are_carried_by_hand() -> None:
    job = nasty("a.html")
    targets = tuple(
        target.model_copy(update={"transfer": "ftp", "host_key": None})
        for target in job.plan.wire.targets
    )
    wire = job.plan.wire.model_copy(update={"targets": targets})
    over_ftp = replace(job, plan=replace(job.plan, wire=wire))
    assert not [
        one for one in commands(over_ftp) if one.startswith(("cp", "rm", "/app/tomcat", "ss"))
    ]
    assert "FTP" in as_text(final_report(over_ftp, texts=KO))


def test_a_node_behind_a_device_is_put_back_there() -> None:
    job = nasty("a.html")
    run = job.plan.wire.runs()[0]
    device = DrainDevice(device="L4-1", member="10.0.0.1:80", state="up")
    swapped = tuple(
        step.model_copy(update={"operation": device})
        if step.operation.kind == "drain_member" and step.operation.state == "up"
        else step
        for step in run.undo
    )
    batches = ((run.model_copy(update={"undo": swapped}),),)
    wire = job.plan.wire.model_copy(update={"batches": batches})
    said = as_text(final_report(replace(job, plan=replace(job.plan, wire=wire)), texts=KO))
    assert "L4 장비 L4-1에서" in said
    assert "10.0.0.1" not in said
