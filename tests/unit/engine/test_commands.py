"""``/sm`` through the engine: the menu, help, and commands kept under a name."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from agent.wire.scripts import ScriptParameter, ScriptSpec
from bot.core.check_ports import Macro, MacroOwner
from bot.core.domain.command import CommandSpec
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Report
from bot.core.macros import MOST_MACROS, macro_name
from intents.chain import Chain
from intents.rules import RuleParser
from tests.fakes.engine import NOW, TEXTS, FakeMessenger, World, words_of

LINE = "/sm check_infra_health 예산시스템 운영 WAS 1"
KEEP = "자주 쓰는 작업에 저장"


@pytest.fixture
def world() -> World:
    return World(parser=Chain(RuleParser(TEXTS), TEXTS))  # type: ignore[arg-type]  # the test's own stand-in, or made of data


async def say(
    world: World, text: str, *, by: str = "operator", thread: str | None = None
) -> Report:
    before = len(world.messenger.messages)
    await world.pipeline.handle(world.mention(text, by=by, thread=thread))
    said = list(world.messenger.messages.values())[before:]
    assert said, f"nothing was answered to {text}"
    return said[-1].now


async def a_look(world: World, *, by: str = "operator") -> Job:
    """A finished look at the servers, told of in its thread."""
    follow_up = await world.pipeline.handle(world.mention(LINE, by=by))
    assert follow_up.start is not None, world.said()
    await world.requests.open(follow_up.start)
    await world.conductor.begin(follow_up.start)
    await world.conductor.conclude(follow_up.start, JobState.SUCCEEDED)
    await world.conductor.announce(follow_up.start)
    return world.job(follow_up.start)


def a_macro(name: str, *, owner: str = "operator", made_by: str = "operator") -> Macro:
    of_room = ":" in owner
    return Macro(
        macro_id=f"{len(owner)}{len(name)}{made_by}",
        name=name,
        command="check_infra_health 예산시스템 운영 WAS 1",
        owner=MacroOwner.ROOM if of_room else MacroOwner.PERSON,
        owner_key=owner,
        made_by=made_by,
        made_at=NOW,
    )


def presses(report: Report) -> dict[str, str]:
    return {button.label: button.value for button in report.buttons}


# --- the menu and help ---------------------------------------------------------------------------


async def test_the_menu_shows_families_with_an_example_of_a_system_that_one_sees(world) -> None:
    report = await say(world, "/sm")
    words = words_of(report)
    assert "상태·자원" in [getattr(section, "title", "") for section in report.sections]
    assert "/sm check_infra_health 기획재정부 예산시스템 운영 WAS 1" in words
    assert len(words) < 2000  # of a phone's patience


async def test_an_example_of_the_menu_is_itself_a_command_that_plans(world) -> None:
    words = words_of(await say(world, "/sm"))
    example = next(line for line in words.splitlines() if line.startswith("/sm check_infra"))
    follow_up = await world.pipeline.handle(world.mention(example, by="operator"))
    assert follow_up.start is not None


async def test_the_menu_leaves_out_what_one_may_not_ask_for(world) -> None:
    mine = words_of(await say(world, "/sm", by="operator"))
    theirs = words_of(await say(world, "/sm", by="auditor"))
    for command in world.services.commands:
        action = world.services.action_of(command)
        if action is None:
            assert command not in mine
    assert "manage_service" in mine
    assert "check_infra_health" in theirs


async def test_help_tells_what_it_does_its_values_an_example_and_who_approves(world) -> None:
    words = words_of(await say(world, "/sm help manage_service"))
    assert "시작, 중지, 재시작" in words
    assert "status | start | stop | restart" in words
    assert "/sm manage_service 기획재정부 예산시스템 운영 WAS 1 operation=status" in words
    assert "operation=status: 조회이며 승인이 필요 없습니다." in words
    assert "운영 환경에서는 승인이 필요합니다" in words


async def test_help_of_what_one_may_not_have_says_so(world) -> None:
    world.directory.policy = ()
    assert "권한이 없습니다" in words_of(await say(world, "/sm check_infra_health ?"))
    assert "쓸 수 있는 명령이 없습니다" in words_of(await say(world, "/sm"))


async def test_a_command_that_does_not_exist_here_yet_says_so(world) -> None:
    report = await say(world, "/sm help run_pipeline")
    assert "아직 지원하지 않습니다" in words_of(report)


async def test_a_wrong_value_is_answered_with_those_that_there_are(world) -> None:
    report = await say(world, f"{LINE} path=/app")
    assert "`path` 값이 없습니다" in words_of(report)
    report = await say(world, "/sm manage_service 예산시스템 운영 WAS 1 operation=reboot")
    assert presses(report)["상태 보기 · status"] == (
        "/sm manage_service 예산시스템 운영 WAS 1 operation=status"
    )
    assert not world.jobs.jobs


async def test_a_sites_script_is_listed_and_explained_where_its_agent_serves_a_system(
    world,
) -> None:
    script = ScriptSpec(
        script="clear-cache",
        sha256="0" * 64,
        title="캐시 비우기",
        risk="change",
        parameters=(ScriptParameter(name="area", choices=("web", "was"), help="비울 곳"),),
    )

    class Book:
        def scripts(self, agent: str) -> tuple[ScriptSpec, ...]:
            return self.known()[agent]

        def known(self):
            return {"agent-1": (script,), "elsewhere": (script.model_copy(update={"script": "x"}),)}

    vocabulary = await world.inventory.vocabulary(None)
    system = replace(vocabulary.systems[0], agent="agent-1")
    with_agent = replace(vocabulary, systems=(system, *vocabulary.systems[1:]))
    commands = world.pipeline._commands
    commands._services = replace(world.services, scripts=Book())
    known = commands.with_scripts(with_agent, "/sm")
    assert [one.script for one in known.scripts] == ["clear-cache"]
    assert commands.with_scripts(with_agent, "상태 확인").scripts == ()


# --- keeping -------------------------------------------------------------------------------------


async def test_a_finished_command_is_kept_by_two_presses(world) -> None:
    job = await a_look(world)
    final = world.messenger.at(job.progress).now
    asked = await say(world, presses(final)[KEEP])
    assert "/sm check_infra_health" in words_of(asked)
    told = await say(world, next(iter(presses(asked).values())))
    assert "저장했습니다" in told.title
    (kept,) = world.macros.macros.values()
    assert kept.command == "check_infra_health 기획재정부 예산시스템 운영 WAS 1"
    assert (kept.owner, kept.owner_key) == (MacroOwner.PERSON, "operator")


async def test_it_is_kept_by_words_in_its_thread_and_called_by_its_name(world) -> None:
    job = await a_look(world)
    thread = job.conversation.thread
    assert "‘야간 점검’" in (await say(world, f"{KEEP}: 야간 점검", thread=thread)).title
    menu = await say(world, "/sm")
    assert presses(menu)["야간 점검"] == "/sm 야간 점검"
    follow_up = await world.pipeline.handle(world.mention("/sm 야간 점검", by="operator"))
    again = world.job(follow_up.start)
    assert again.job_id != job.job_id
    assert again.plan.node_names == job.plan.node_names
    assert again.requester_id == "operator"


@pytest.mark.parametrize("begun", [f"{KEEP}:", f"{KEEP}: y", "/sm", "/sm 삭제"])
async def test_a_long_run_of_blanks_keeps_the_bot_no_busier_than_others(world, begun: str) -> None:
    began = time.process_time()
    await say(world, begun + " " * 4_000 + "y" * 300)
    assert time.process_time() - began < 5


async def test_a_rooms_macro_is_run_with_the_rights_of_whoever_presses_it(world) -> None:
    await world.macros.keep(a_macro("야간점검", owner="web:ops"))
    menu = await say(world, "/sm", by="leader")
    pressed = presses(menu)["야간점검 (이 방)"]
    follow_up = await world.pipeline.handle(world.mention(pressed, by="leader"))
    assert world.job(follow_up.start).requester_id == "leader"
    refused = await say(world, pressed, by="outsider")
    assert "등록된 대상 이름이 아니어서" in words_of(refused)  # a stranger to that system
    world.directory.policy = ()
    refused = await say(world, pressed, by="leader")
    assert "규칙이 없어" in words_of(refused)


async def test_ones_own_macro_is_called_before_the_rooms_and_both_have_a_button(world) -> None:
    await world.macros.keep(a_macro("점검"))
    of_room = replace(
        a_macro("점검", owner="web:ops"), command="check_infra_health 예산시스템 운영 WAS 2"
    )
    await world.macros.keep(of_room)
    menu = presses(await say(world, "/sm"))
    assert menu == {"점검": "/sm 점검", "점검 (이 방)": f"/sm #{of_room.macro_id}"}
    plans = [
        world.job((await world.pipeline.handle(world.mention(one, by="operator"))).start).plan
        for one in menu.values()
    ]
    assert [plan.node_names for plan in plans] == [
        ("moef-budget-prod-was01",),
        ("moef-budget-prod-was02",),
    ]


async def test_a_rooms_macro_is_shown_to_those_who_may_see_its_system(world) -> None:
    await world.macros.keep(a_macro("점검", owner="web:ops"))
    for said in ("/sm", "/sm 목록"):
        assert "예산시스템" in words_of(await say(world, "/sm 목록"))
        report = await say(world, said, by="outsider")
        assert "예산시스템" not in words_of(report)
        assert not presses(report)


async def test_nobody_else_puts_another_command_behind_a_rooms_name(world) -> None:
    """Others press it because of what it is called."""
    job = await a_look(world)
    await world.macros.keep(a_macro("점검", owner="web:ops", made_by="leader"))
    before = dict(world.macros.macros)
    for name in ("점검", " 점검 "):
        said = f"이 방의 {KEEP}: {name} ({job.job_id})"
        assert "다른 사람이 저장한" in words_of(await say(world, said))
    assert world.macros.macros == before
    said = f"이 방의 {KEEP}: 점검 ({job.job_id})"
    assert "저장했습니다" in (await say(world, said, by="leader")).title


async def test_they_are_listed_and_dropped_by_who_made_them_or_leads(world) -> None:
    await world.macros.keep(a_macro("점검", owner="web:ops", made_by="leader"))
    assert "check_infra_health 예산시스템" in words_of(await say(world, "/sm 목록"))
    assert "삭제할 수 없습니다" in words_of(await say(world, "/sm 삭제 점검"))
    assert "삭제했습니다" in (await say(world, "/sm 삭제 점검", by="leader")).title
    assert "없습니다" in words_of(await say(world, "/sm 삭제 점검", by="leader"))
    assert not world.macros.macros
    assert "저장한 작업이 없습니다" in (await say(world, "/sm 목록")).title


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (f"{KEEP}: backup_db", "이름으로 쓸 수 없습니다"),
        (f"{KEEP}: check", "이름으로 쓸 수 없습니다"),
        (f"{KEEP}: a=b", "이름으로 쓸 수 없습니다"),
        (f"{KEEP}: {'가' * 31}", "이름으로 쓸 수 없습니다"),
        (f"{KEEP}: 삭제 전부", "이름으로 쓸 수 없습니다"),
    ],
)
async def test_a_name_that_would_be_something_else_is_refused(world, said, reason) -> None:
    job = await a_look(world)
    assert reason in words_of(await say(world, said, thread=job.conversation.thread))
    assert not world.macros.macros


async def test_a_job_that_one_may_not_see_is_kept_by_nobody(world) -> None:
    job = await a_look(world)
    said = f"{KEEP}: 몰래 ({job.job_id})"
    assert "저장할 수 없습니다" in words_of(await say(world, said, by="outsider"))
    assert not world.macros.macros


async def test_where_no_command_was_run_nothing_is_kept(world) -> None:
    assert "저장할 수 없습니다" in words_of(await say(world, f"{KEEP}: 점검"))


async def test_too_many_are_refused(world) -> None:
    job = await a_look(world)
    for number in range(MOST_MACROS):
        await world.macros.keep(a_macro(f"작업{number}"))
    said = await say(world, f"{KEEP}: 하나더", thread=job.conversation.thread)
    assert f"{MOST_MACROS}건까지" in words_of(said)


async def test_an_unproved_sender_keeps_and_drops_nothing(world) -> None:
    await world.macros.keep(a_macro("점검"))
    unproved = replace(FakeMessenger.capabilities, verified_senders=False)
    world.messenger.capabilities = unproved
    report = await say(world, "/sm 삭제 점검")
    assert presses(report) == {"본인 확인 후 요청": "/sm 삭제 점검"} or report.buttons
    assert len(world.macros.macros) == 1


async def test_who_kept_called_and_dropped_is_on_the_record(world) -> None:
    job = await a_look(world)
    await say(world, f"{KEEP}: 점검", thread=job.conversation.thread)
    await world.pipeline.handle(world.mention("/sm 점검", by="operator"))
    await say(world, "/sm 삭제 점검")
    told = [event["subject"] for event in world.audited("decision")]
    assert told == ["macro kept", "macro called", "macro dropped"]


@pytest.mark.parametrize("name", ["야간 점검", "Night-1", "디스크_확인", "WAS(운영)"])
def test_names_are_plain_text(name: str) -> None:
    assert macro_name(f"  {name} ") == name


@pytest.mark.parametrize(
    "name", ["", " ", "/sm", "#1", "a\nb\u202e", "도움말", "목록", "a?", '"x"', "<b>", "x" * 31]
)
def test_what_is_no_plain_text_is_no_name(name: str) -> None:
    assert macro_name(name) is None


def test_a_spec_finds_its_parameters(world) -> None:
    spec: CommandSpec = world.services.commands["check_disk_space"]
    assert spec.parameter("path") is not None
    assert spec.parameter("nothing") is None


async def test_what_is_kept_shows_no_secret_and_no_address(world) -> None:
    secret = 'collect_target_logs 예산시스템 운영 WAS 1 pattern="password=hunter2 10.20.30.40"'
    await world.macros.keep(replace(a_macro("점검"), command=secret))
    told = words_of(await say(world, "/sm 목록"))
    assert "hunter2" not in told
    assert "30.40" not in told
    assert "collect_target_logs 예산시스템 운영 WAS 1" in told


@pytest.mark.parametrize("name", ["deploy", "Rollback", "search_audit", "list_tasks"])
async def test_nothing_is_kept_under_the_name_of_a_verb(world, name: str) -> None:
    job = await a_look(world)
    refused = await say(world, f"{KEEP}: {name}", thread=job.conversation.thread)
    assert TEXTS.say("errors.macro_name.summary") in words_of(refused)
    assert not world.macros.macros
