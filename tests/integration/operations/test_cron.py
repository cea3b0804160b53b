"""An account's crontab, read and changed through Debian's own ``crontab``."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.operations import cron_health, cron_registration
from agent.operations.context import OperationFailed, Verified
from agent.operations.cron_block import BEGIN, END
from agent.transports.transport import TransportError
from agent.wire.checks import CronPreview, PreviewCron, ReadCrontab, RegisterCron
from agent.wire.profile import CronJobSpec, NodeProfile
from agent.wire.readings import Reading
from tests.integration.operations.at_node import Recorded, context_of
from tests.lab import CronSpool, Lab, LabNode, SshdOptions

ODD = 'it\'s 100% "backup" $(touch /tmp/never) ;x.sh'


@pytest.fixture(scope="module")
def spool(module_lab: Lab) -> CronSpool:
    return module_lab.cron()


@pytest.fixture(scope="module")
def node(module_lab: Lab, spool: CronSpool) -> LabNode:
    options = SshdOptions(host_keys=("ed25519",), private=spool.private)
    return module_lab.nodes(1, options=options, web=False).nodes[0]


@pytest.fixture(scope="module")
def profile(module_lab: Lab) -> NodeProfile:
    write, root = module_lab.ground.write, module_lab.root
    write(root / "jobs/backup.sh", "#!/bin/sh\n", mode=0o755)
    write(root / "jobs" / ODD, "#!/bin/sh\n", mode=0o755)
    return NodeProfile(
        cron_log=str(root / "log/cron"),
        cron_jobs=(
            CronJobSpec(template="db_backup", path=str(root / "jobs/backup.sh")),
            CronJobSpec(template="log_cleanup", path=str(root / "jobs" / ODD)),
            CronJobSpec(template="health_check", path=str(root / "jobs/missing.sh")),
        ),
    )


@pytest.fixture(autouse=True)
def fresh(spool: CronSpool) -> None:
    spool.install("")


# --- the health of what is there -----------------------------------------------------------------


def syslog(at: datetime, said: str, *, pid: int = 4711) -> str:
    return f"{at:%b} {at.day:>2} {at:%H:%M:%S} was01 CRON[{pid}]: {said}\n"


def rfc3339(at: datetime, said: str, *, pid: int = 4711) -> str:
    return f"{at.isoformat(timespec='microseconds')} was01 CROND[{pid}]: {said}\n"


def daily_at(at: datetime, command: str) -> str:
    return f"{at.minute} {at.hour} * * * {command}"


async def health(node: LabNode, profile: NodeProfile, book: Recorded | None = None) -> Reading:
    return await cron_health.read(context_of(node.access(profile=profile), book), ReadCrontab())


def states(reading: Reading) -> dict[object, tuple[object, object]]:
    grid = reading.grid("cron_lines")
    return {row.cells[0]: (row.cells[1], row.level) for row in grid.rows} if grid else {}


async def test_fine_late_never_failing_and_broken_are_told_from_the_log(
    module_lab: Lab, spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    user, now = module_lab.account.name, datetime.now(UTC)
    due = (now - timedelta(hours=2)).replace(second=1, microsecond=0)
    lines = [daily_at(due, f"/job/{name}") for name in ("fine", "late", "never", "failing")]
    spool.install("\n".join(["# jobs", "MAILTO=x", *lines, "61 * * * * /job/broken", ""]))
    old = syslog(due - timedelta(days=3), f"({user}) CMD (/job/late)")
    for days in (2, 1):
        day = due - timedelta(days=days)
        old += "".join(syslog(day, f"({user}) CMD (/job/{name})") for name in ("fine", "failing"))
    log = (
        syslog(due, f"({user}) CMD (/job/fine)")
        + syslog(due, "(root) CMD (/job/never)")
        + syslog(due, f"({user}) CMD (/job/failing)", pid=99)
        + syslog(due, "(CRON) error (grandchild #99 failed with exit status 1)", pid=98)
    )
    write, folder = module_lab.ground.write, module_lab.root / "log"
    write(folder / "cron.1.gz", gzip.compress(old.encode()))
    write(folder / "cron", log)
    reading = await health(node, profile)
    assert states(reading) == {
        "/job/fine": ("cron_fine", "normal"),
        "/job/late": ("cron_late", "warning"),
        "/job/never": ("cron_never", "critical"),
        "/job/failing": ("cron_failing", "critical"),
        "/job/broken": ("cron_broken", "warning"),
    }
    assert reading.level == "critical"
    zone = reading.fact("node_zone")
    assert zone is not None
    assert zone.value == "Etc/UTC"


async def test_time_stamps_of_rfc_3339_are_read_and_secrets_of_commands_hidden(
    module_lab: Lab, spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    user, now = module_lab.account.name, datetime.now(UTC)
    due = (now - timedelta(hours=1)).replace(second=1, microsecond=0)
    spool.install(daily_at(due, "/job/a --password=hunter2 10.20.30.40") + "\n")
    start = rfc3339(due - timedelta(hours=1), f"({user}) CMD (other)")
    ran = rfc3339(due, f"({user}) CMD (/job/a --password=hunter2 10.20.30.40)")
    module_lab.ground.write(module_lab.root / "log/cron", start + ran)
    (module_lab.root / "log/cron.1.gz").unlink(missing_ok=True)
    reading = await health(node, profile)
    assert list(states(reading).values()) == [("cron_fine", "normal")]
    assert reading.level == "normal"
    assert "hunter2" not in reading.model_dump_json()
    assert "30.40" not in reading.model_dump_json()


async def test_of_a_crontab_without_end_the_first_lines_are_judged(
    module_lab: Lab, spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    user, now = module_lab.account.name, datetime.now(UTC)
    spool.install("* * * * * /job/a\n" * 5000)
    runs = "".join(
        syslog(now - timedelta(minutes=left), f"({user}) CMD (/job/a)")
        for left in range(2000, 0, -1)
    )
    module_lab.ground.write(module_lab.root / "log/cron", runs)
    (module_lab.root / "log/cron.1.gz").unlink(missing_ok=True)
    reading = await health(node, profile)
    (jobs,) = [fact for fact in reading.facts if fact.name == "cron_jobs"]
    assert jobs.value == 1000
    left_out = {remark.code: remark.values for remark in reading.remarks}
    assert left_out["cron_too_many"] == {"count": "4000"}
    assert reading.level == "unknown"


async def test_without_a_log_due_times_are_told_and_nothing_else_claimed(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    spool.install("*/5 * * * * /job/a\n@reboot /job/b\n")
    reading = await health(node, profile.model_copy(update={"cron_log": None}))
    assert states(reading) == {
        "/job/a": ("cron_unknown", "unknown"),
        "/job/b": ("cron_at_boot", "normal"),
    }
    assert reading.level == "unknown"
    assert [one.code for one in reading.remarks] == ["cron_log_not_said"]
    missing = profile.model_copy(update={"cron_log": "/var/log/no-such-cron"})
    unread = await health(node, missing)
    assert [one.code for one in unread.remarks] == ["cron_log_not_found"]


async def test_an_account_without_a_crontab_is_fine(node: LabNode, profile: NodeProfile) -> None:
    book = Recorded()
    reading = await health(node, profile, book)
    assert reading.level == "normal"
    assert "crontab_empty" in [one.code for one in reading.remarks]
    assert ["crontab", "-l"] in book.ran


# --- registering ---------------------------------------------------------------------------------


async def previewed(
    node: LabNode, profile: NodeProfile, template: str = "db_backup", cron: str = "0 3 * * *"
) -> CronPreview:
    operation = PreviewCron.model_validate({"template": template, "cron": cron})
    return await cron_registration.preview(context_of(node.access(profile=profile)), operation)


async def registered(
    node: LabNode,
    profile: NodeProfile,
    before: str,
    *,
    template: str = "db_backup",
    cron: str | None = "0 3 * * *",
    book: Recorded | None = None,
) -> str:
    values = {"template": template, "cron": cron, "before": before}
    operation = RegisterCron.model_validate(values)
    context = context_of(node.access(profile=profile), book)
    return (await cron_registration.register(context, operation)).note


async def test_one_line_comes_into_the_marked_block_and_everything_else_stays(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    mine = "# 내가 쓴 줄\nMAILTO=root\n\n5 4 * * *\t/my/own  job # x\n"
    spool.install(mine)
    seen = await previewed(node, profile)
    path = profile.cron_jobs[0].path
    assert (seen.already, seen.was) == (False, None)
    assert [line[1:] for line in seen.diff if line.startswith("+")] == [
        BEGIN,
        "# guardia:db_backup",
        f"0 3 * * * {path}",
        END,
    ]
    book = Recorded()
    assert await registered(node, profile, seen.before, book=book) == "registered"
    assert spool.text == f"{mine}{BEGIN}\n# guardia:db_backup\n0 3 * * * {path}\n{END}\n"
    assert book.ran == [["id", "-u"], ["crontab", "-l"], ["crontab", "-"], ["crontab", "-l"]]
    again = await previewed(node, profile)
    assert (again.already, again.diff, again.before) == (True, (), seen.after)
    assert await registered(node, profile, seen.before) == "already", "twice is once"


async def test_another_schedule_replaces_the_line_and_undoing_brings_the_old_one_back(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    spool.install("1 1 * * * /x\n")
    first = await previewed(node, profile)
    await registered(node, profile, first.before)
    there = spool.text
    second = await previewed(node, profile, cron="30 4 * * 0")
    assert second.was == "0 3 * * *"
    await registered(node, profile, second.before, cron="30 4 * * 0")
    assert "30 4 * * 0" in spool.text
    assert "0 3 * * *" not in spool.text
    await registered(node, profile, second.after, cron=second.was)
    assert spool.text == there
    await registered(node, profile, first.after, cron=None)
    assert spool.text == "1 1 * * * /x\n"


async def test_an_odd_path_is_one_argument_of_what_cron_runs(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    seen = await previewed(node, profile, "log_cleanup")
    await registered(node, profile, seen.before, template="log_cleanup")
    line = spool.text.splitlines()[2]
    assert "100\\% " in line, "a bare % would end the command"
    command = line.removeprefix("0 3 * * * ").replace("\\%", "%")
    status, said = node.sshd.ground.run(["sh", "-c", f"ls -- {command}"], cwd=node.deploy_path)
    assert (status, said.strip().endswith(ODD)) == (0, True)


async def test_a_crontab_that_somebody_has_changed_since_is_left_alone(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    seen = await previewed(node, profile)
    spool.install("9 9 * * * /by/hand\n")
    with pytest.raises(OperationFailed) as refused:
        await registered(node, profile, seen.before)
    assert refused.value.code == "crontab_moved"
    assert spool.text == "9 9 * * * /by/hand\n"


async def test_what_cannot_be_written_back_exactly_is_not_touched(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    spool.install("# 한글\n".encode("cp949") + b"5 4 * * * /x\n")
    with pytest.raises(OperationFailed) as refused:
        await previewed(node, profile)
    assert refused.value.code == "cron_not_text"
    korean = node.access(profile=profile, charset="cp949")
    operation = PreviewCron(template="db_backup", cron="0 3 * * *")
    seen = await cron_registration.preview(context_of(korean), operation)
    change = RegisterCron(template="db_backup", cron="0 3 * * *", before=seen.before)
    await cron_registration.register(context_of(korean), change)
    spool_file = spool.folder / "crontabs" / node.sshd.user
    assert "# 한글\n".encode("cp949") in spool_file.read_bytes()


@pytest.mark.parametrize(
    ("template", "cron", "text", "code"),
    [
        ("db_backup", "0 3 31 2 *", "", "cron_invalid"),
        ("db_backup", "99 3 * * *", "", "cron_invalid"),
        ("health_check", "0 3 * * *", "", "cron_program_missing"),
        ("db_backup", "0 3 * * *", f"{BEGIN}\n# lost\n", "cron_block_broken"),
    ],
)
async def test_refusals_change_nothing(
    spool: CronSpool,
    node: LabNode,
    profile: NodeProfile,
    template: str,
    cron: str,
    text: str,
    code: str,
) -> None:
    spool.install(text)
    with pytest.raises(OperationFailed) as refused:
        await previewed(node, profile, template, cron)
    assert refused.value.code == code
    assert spool.text == text


async def test_a_template_that_the_node_has_not_and_root_are_refused(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    with pytest.raises(OperationFailed) as refused:
        await registered(node, NodeProfile(), "0" * 64)
    assert refused.value.code == "not_in_profile"
    context = context_of(node.access(profile=profile))
    root = context.target.model_copy(update={"user": "root"})
    operation = RegisterCron(template="db_backup", cron="0 3 * * *", before="0" * 64)
    with pytest.raises(OperationFailed) as denied:
        await cron_registration.register(replace(context, target=root), operation)
    assert denied.value.code == "cron_root"
    assert spool.text == ""


async def test_what_became_of_a_cut_off_change_is_read(
    spool: CronSpool, node: LabNode, profile: NodeProfile
) -> None:
    context = context_of(node.access(profile=profile))
    seen = await previewed(node, profile)
    operation = RegisterCron(template="db_backup", cron="0 3 * * *", before=seen.before)
    assert await cron_registration.is_registered(context, operation) is Verified.NOT_DONE
    await cron_registration.register(context, operation)
    assert await cron_registration.is_registered(context, operation) is Verified.DONE
    spool.install("1 1 * * * /by/hand\n")
    assert await cron_registration.is_registered(context, operation) is Verified.PARTIAL


async def test_an_unreachable_node_is_no_answer(node: LabNode, profile: NodeProfile) -> None:
    with pytest.raises(TransportError) as failed:
        await cron_health.read(context_of(node.access(profile=profile, port=1)), ReadCrontab())
    assert failed.value.code == "unreachable"
