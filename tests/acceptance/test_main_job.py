"""The main job as people see it: from the zip in the room to the report, and back.

The seven points of what a person sees, in a real browser against the running demo, and the
services seen from outside while they happen.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.acceptance import scenes
from tests.acceptance.scenes import NODES, Asked, Decided, Ended, facts_of, table_of
from tests.acceptance.stage import (
    DEVELOPER,
    LEADER,
    MANAGER,
    OPERATOR,
    SLOW_MS,
    Answers,
    Stage,
    ask_version,
)
from tests.drivers.room import Message, offers, says, text_of

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(3000),
]

FIRST, SECOND = "1.0.0", "1.1.0"
VERSIONS = re.compile(r"[0-9a-f]{12} → [0-9a-f]{12}")
JOB = re.compile(r"J\d{6}-[A-Z0-9]{6}")
CLOCK = re.compile(r"\b\d{2}:\d{2}\b")
FIRST_AND_LAST = 5  # edits that begin and end the progress message, whatever the time


# --- the story: each act is played once ----------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(stage: Stage) -> Stage:
    """Both people are in."""
    await scenes.sign_in(stage)
    return stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asked(room: Stage) -> Asked:
    return await scenes.ask(room)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(room: Stage, asked: Asked) -> AsyncIterator[Answers]:
    """The balancer, asked from before the approval until after the last act."""
    async with room.asking_the_balancer() as answers:
        yield answers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decided(room: Stage, asked: Asked, watched: Answers) -> Decided:
    refusal = await scenes.refuse(room, asked)
    card = await scenes.approve(room, asked)
    late = await scenes.click_again(room, asked)
    return Decided(asked=asked, refusal=refusal, card=card, late_click=late)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployed(room: Stage, decided: Decided, watched: Answers) -> Ended:
    return await scenes.follow(room, decided.asked.root, watched, name="deployment")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broken(room: Stage, deployed: Ended) -> Ended:
    return await scenes.break_it(room)


# --- 2: two windows, one room -------------------------------------------------------------------


async def test_people_sign_in_by_card_and_meet_in_the_room(room: Stage) -> None:
    for window in (room.desk, room.phone):
        title = await window.page.get_by_test_id("room-title").inner_text()
        assert title == "기재부 예산시스템 운영"


async def test_a_message_appears_in_both_windows(room: Stage) -> None:
    root = await scenes.say(room, "오늘 오후에 반영 하나 있습니다.")
    for window in (room.desk, room.phone):
        await window.message(root).wait_for()
        assert "오늘 오후에 반영 하나 있습니다." in await window.message(root).inner_text()


async def test_nothing_is_wider_than_the_phone(room: Stage, asked: Asked) -> None:
    await room.phone.open_thread(asked.root)
    wide = await room.phone.page.evaluate(
        "() => Math.max(document.documentElement.scrollWidth,"
        " ...[...document.querySelectorAll('.card')].map((card) => card.scrollWidth))"
    )
    assert wide <= 390


# --- 3: the plan card ---------------------------------------------------------------------------


async def test_the_card_names_every_node_with_the_count(room: Stage, asked: Asked) -> None:
    assert facts_of(asked.plan)["대상 2대"].split("\n") == list(NODES)
    await room.desk.open_thread(asked.root)
    shown = await room.desk.message(asked.plan["id"]).inner_text()
    assert "대상 2대" in shown
    assert all(node in shown for node in NODES)


async def test_the_card_shows_every_file_against_what_runs_now(room: Stage, asked: Asked) -> None:
    rows = {row[0]: row for row in table_of(asked.plan)}
    assert rows.keys() == asked.files.keys()
    for path, file in asked.files.items():
        assert rows[path][2:] == [file.sha256, file.novelty, file.handling], path
        assert rows[path][1] in {f"{file.size} B", f"{file.size / 1024:.1f} KB"}, path


async def test_the_whole_digest_is_one_click_away_in_both_windows(
    room: Stage, asked: Asked
) -> None:
    for window in (room.desk, room.phone):
        await window.open_thread(asked.root)
        card = window.message(asked.plan["id"])
        for path, file in asked.files.items():
            row = card.locator("tr", has_text=path)
            await row.locator(f'.digest[title="{file.sha256}"]').wait_for()
            await row.get_by_text(file.novelty, exact=True).wait_for()
            assert await row.locator(f'.digest[title="{file.sha256}"]').count() == 1, path
            await row.get_by_text(file.handling, exact=True).wait_for()


async def test_the_card_tells_restart_steps_undo_risk_approvers_and_lapse(asked: Asked) -> None:
    said, facts = text_of(asked.plan), facts_of(asked.plan)
    assert "재기동\n요청에 따라 차례로 재기동합니다." in said
    steps = re.findall(r"^(\d+)\. (.+)$", said, re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    order = ["백업", "전송", "부하분산", "교체", "헬스체크", "복귀"]
    places = [next(i for i, (_, step) in enumerate(steps) if word in step) for word in order]
    assert places == sorted(places)
    assert "한 대라도 실패하면 이미 바뀐 노드까지 모두 백업으로 복원·재기동" in said
    assert facts["위험도"].startswith("변경")
    assert "파트장031" in facts["승인 가능자"]
    assert "개발032" not in facts["승인 가능자"]
    assert re.fullmatch(r"\d{2}:\d{2}까지 \(30분 남음\)", facts["승인 기한"])
    assert JOB.fullmatch(facts["작업 번호"])


# --- 4: approval --------------------------------------------------------------------------------


async def test_the_requesters_own_click_is_refused_to_that_person_only(
    room: Stage, decided: Decided
) -> None:
    assert "본인이 요청한 작업은 본인이 승인할 수 없습니다" in text_of(decided.refusal)
    for window in (room.desk, room.phone):
        await window.open_thread(decided.asked.root)
    assert "나에게만 보임" in await room.desk.message(decided.refusal["id"]).inner_text()
    for person in (LEADER, MANAGER, OPERATOR):
        seen = {message["id"] for message in await room.people[person].messages()}
        assert decided.refusal["id"] not in seen
        assert decided.asked.root in seen
    gone = room.phone.page.locator(f'[data-message-id="{decided.refusal["id"]}"]')
    assert await gone.count() == 0


async def test_the_card_shows_who_decided_and_when(room: Stage, decided: Decided) -> None:
    verdict = facts_of(decided.card)["1/1단계"]
    assert verdict.startswith("승인 · 파트장031(SM 파트장) · ")
    assert CLOCK.search(verdict)
    for window in (room.desk, room.phone):
        await window.open_thread(decided.asked.root)
        await window.message(decided.card["id"]).get_by_text(verdict).first.wait_for()


async def test_a_second_click_changes_nothing(room: Stage, decided: Decided) -> None:
    assert "409" in decided.late_click
    for window in (room.desk, room.phone):
        await window.open_thread(decided.asked.root)
        card = window.message(decided.card["id"])
        for gone in ("승인", "반려"):
            button = card.get_by_role("button", name=gone, exact=True)
            await expect(button).to_have_count(0, timeout=SLOW_MS)
    thread = await room.people[MANAGER].messages(decided.asked.root)
    card = next(message for message in thread if message["id"] == decided.card["id"])
    assert [label for label in facts_of(card) if label.endswith("단계")] == ["1/1단계"]
    assert facts_of(card)["1/1단계"] == facts_of(decided.card)["1/1단계"]


async def test_of_two_clicks_at_the_same_moment_one_counts(room: Stage, broken: Ended) -> None:
    assert len(facts_of(broken.final)["결재"].split("\n")) == 1
    thread = await room.people[DEVELOPER].messages(broken.root)
    assert sum(scenes.has_checklist(message) for message in thread) == 1
    assert sum("1/1단계" in text_of(message) for message in thread) == 1


# --- 5: progress and report ---------------------------------------------------------------------


async def test_progress_is_one_message_edited_at_most_once_a_second(
    room: Stage, deployed: Ended, broken: Ended
) -> None:
    for name, ended in (("deployment", deployed), ("rollback", broken)):
        made, took_s = ended.progress["revision"], seconds_of(facts_of(ended.final)["걸린 시간"])
        assert 1 < made <= took_s + FIRST_AND_LAST
        room.figures[f"{name}: edits of the progress message"] = f"{made} in {took_s:.0f} s"


async def test_progress_goes_node_by_node_and_step_by_step_with_times(
    room: Stage, deployed: Ended
) -> None:
    titles = [section["title"] for section in deployed.progress["body"]["sections"]]
    assert titles == [f"1/2 · {NODES[0]}", f"2/2 · {NODES[1]}"]
    for section in deployed.progress["body"]["sections"]:
        assert {row["state"] for row in section["rows"]} == {"succeeded"}
        assert all(row["elapsed_ms"] is not None for row in section["rows"])
    begun = [
        [any(r["state"] != "pending" for r in s["rows"]) for s in one["body"]["sections"]]
        for one in room.revisions(deployed.progress["id"])
        if scenes.has_checklist(one)
    ]
    assert [True, False] in begun
    for first, second in pairwise(begun):
        assert all(after >= before for before, after in zip(first, second, strict=True))


async def test_the_report_says_who_what_where_how_long_and_which_job(
    room: Stage, deployed: Ended
) -> None:
    facts = facts_of(deployed.final)
    assert deployed.final["body"]["tone"] == "good"
    assert facts["요청자"] == "개발032"
    assert facts["결재"].startswith("승인 · 파트장031(SM 파트장) · ")
    assert facts["대상 2대"].split("\n") == list(NODES)
    assert facts["체크섬"].startswith("SHA-256 10건 일치")
    assert re.search(r"\d+(\.\d)?초", facts["걸린 시간"])
    assert JOB.fullmatch(facts["작업 번호"])
    assert [[*row[:2], row[3]] for row in table_of(deployed.final)] == [
        [node, "새 버전", "정상 확인"] for node in NODES
    ]
    assert all(VERSIONS.fullmatch(row[2]) for row in table_of(deployed.final))
    for window in (room.desk, room.phone):
        await window.open_thread(deployed.root)
        report = await window.message(deployed.final["id"]).inner_text()
        assert all(said in report for said in (*NODES, "정상 확인", facts["작업 번호"]))


async def test_seen_from_outside_both_nodes_run_the_new_version(deployed: Ended) -> None:
    new, old = f"{NODES[0]} {SECOND}", f"{NODES[1]} {FIRST}"
    assert deployed.answers.first[new] < deployed.answers.last[old], "one after the other"
    assert deployed.after == dict.fromkeys(NODES, SECOND)


async def test_nobody_outside_notices_the_rolling_update(room: Stage, deployed: Ended) -> None:
    assert gaps_of(room, "rolling update", deployed) == []


# --- 6: the broken zip --------------------------------------------------------------------------


async def test_both_nodes_go_back_and_are_proved_healthy(room: Stage, broken: Ended) -> None:
    assert broken.final["body"]["title"].startswith("실패, 이전 버전으로 복원 완료")
    assert [[*row[:2], row[3]] for row in table_of(broken.final)] == [
        [node, "이전 버전으로 복원", "정상 확인"] for node in NODES
    ]
    assert f"{NODES[0]} 1.2.0" in broken.answers.nodes
    assert f"{NODES[1]} 1.2.0" not in broken.answers.nodes
    assert broken.after == dict.fromkeys(NODES, SECOND)
    for node in NODES:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{room.node(node)['url']}actuator/health") as answer,
        ):
            assert answer.status == 200


async def test_the_report_shows_the_lines_of_the_log_that_matter(
    room: Stage, broken: Ended
) -> None:
    lines = next(s for s in broken.final["body"]["sections"] if s["kind"] == "lines")
    assert NODES[1] in lines["title"]
    assert any("pool size 80 exceeds the 50 connections" in line for line in lines["lines"])
    await room.phone.open_thread(broken.root)
    shown = room.phone.message(broken.final["id"]).locator(".line[data-bad]")
    await shown.first.wait_for()


async def test_nobody_outside_notices_the_rollback(room: Stage, broken: Ended) -> None:
    assert gaps_of(room, "automatic rollback", broken) == []


async def test_new_and_same_files_are_told_apart_and_a_request_can_be_withdrawn(
    room: Stage, broken: Ended, tmp_path: Path
) -> None:
    package = mixed_package(tmp_path, scenes.deployed(room, NODES[0]))
    files = scenes.expected_files(package, scenes.deployed(room, NODES[0]))
    assert {file.novelty for file in files.values()} == {"신규", "동일", "변경"}
    client = room.people[DEVELOPER]
    root = await client.say(scenes.SENTENCE, package)
    plan = await client.wait_for(offers("approve"), thread=root)
    assert {row[0]: row[3] for row in table_of(plan)} == {p: f.novelty for p, f in files.items()}
    await client.press(plan, "cancel")
    await client.wait_for(says("취소됨"), thread=root)


# --- 7: by chat ---------------------------------------------------------------------------------


async def test_rollback_by_chat_in_the_thread_of_the_deployment(
    room: Stage, deployed: Ended, broken: Ended
) -> None:
    await room.desk.close_thread()
    await room.desk.open_thread(deployed.root)
    await room.desk.say("@guardia 롤백해줘", composer="thread-composer")
    client = room.people[DEVELOPER]
    plan = await client.wait_for(offers("approve"), thread=deployed.root)
    assert "롤백" in plan["body"]["title"]
    await room.people[LEADER].press(plan, "approve")
    final = await client.wait_for(says("WAS 2대 롤백", "결재"), thread=deployed.root)
    assert [row[1] for row in table_of(final)] == ["이전 버전", "이전 버전"]
    for node in NODES:
        assert await ask_version(room.node(node)["url"]) == FIRST


async def test_health_check_by_chat(room: Stage) -> None:
    root = await scenes.say(room, "@guardia 기재부 예산시스템 운영 WAS 1, 2번 헬스체크")
    answer = await room.people[DEVELOPER].wait_for(says("헬스체크 결과", "실행 중"), thread=root)
    assert [row[:2] for row in table_of(answer)] == [[node, "정상"] for node in NODES]


async def test_restart_by_chat_needs_approval_and_keeps_the_service_up(
    room: Stage, broken: Ended
) -> None:
    operator = room.people[OPERATOR]
    root = await operator.say("@guardia 기재부 예산시스템 운영 WAS 1, 2번 재기동해줘")
    plan = await operator.wait_for(offers("approve"), thread=root)
    async with room.asking_the_balancer() as answers:
        await room.people[LEADER].press(plan, "approve")
        final = await operator.wait_for(says("완료", "결재"), thread=root)
    assert [row[2] for row in table_of(final)] == ["정상 확인", "정상 확인"]
    room.figures["restart: gaps"] = f"{len(answers.gaps)} of {answers.asked} answers"
    assert answers.gaps == []


async def test_a_developer_may_not_restart(room: Stage) -> None:
    answer = await answered(room, "@guardia 기재부 예산시스템 운영 WAS 1, 2번 재기동해줘")
    assert "허용하는 규칙이 없어" in text_of(answer)


async def test_a_bare_restart_asks_what_is_missing(room: Stage) -> None:
    answer = await answered(room, "@guardia 재기동")
    assert answer["body"]["tone"] == "ask"
    assert len(answer["body"]["buttons"]) >= 2


async def test_server_information_by_chat_masks_addresses(room: Stage) -> None:
    answer = await answered(room, "@guardia 기재부 예산시스템 운영 서버 정보")
    assert "moef-budget-prod-was01" in text_of(answer)
    assert not re.search(r"\b\d+\.\d+\.\d+\.\d+\b", text_of(answer))


async def test_help_by_chat(room: Stage) -> None:
    answer = await answered(room, "@guardia 도움말")
    assert all(word in text_of(answer) for word in ("배포", "롤백", "헬스체크", "서버 정보"))
    await room.desk.open_thread(answer["thread"])
    await room.picture("help-1280", room.desk)


async def test_small_talk_is_left_alone(room: Stage) -> None:
    small = await scenes.say(room, "점심 뭐 드실래요?")
    await answered(room, "@guardia 도움말")  # what came later has been answered
    assert await room.people[DEVELOPER].messages(small) == []


async def test_what_is_not_understood_is_asked_back_with_choices(room: Stage) -> None:
    answer = await answered(room, "@guardia 예산시스템 그거 좀 어떻게 해봐")
    assert answer["body"]["tone"] == "ask"
    assert len(answer["body"]["buttons"]) >= 2
    await room.desk.open_thread(answer["thread"])
    await room.picture("question-1280", room.desk)


async def test_a_node_that_is_not_live_answers_that_its_agent_is_offline(room: Stage) -> None:
    answer = await answered(room, "@guardia 기재부 국고시스템 운영 WAS 헬스체크")
    assert "에이전트 GOV-PC-01" in text_of(answer)
    assert "연결되어 있지 않" in text_of(answer)


# --- what people write stays text ---------------------------------------------------------------


async def test_script_in_a_message_or_a_file_name_is_shown_as_text(
    room: Stage, tmp_path: Path
) -> None:
    file = tmp_path / "<img src=x onerror=window.pwned=1>.txt"
    file.write_text("x", "utf-8")
    text = "<script>window.pwned = 1</script><img src=x onerror='window.pwned=1'>"
    root = await room.people[LEADER].say(text, file)
    for window in (room.desk, room.phone):
        await window.close_thread()
        await window.message(root).wait_for()
        shown = await window.message(root).inner_text()
        assert text in shown
        assert file.name in shown
        assert await window.message(root).locator("script, .text img, .files img").count() == 0
        assert await window.page.evaluate("() => window.pwned") is None


async def test_the_page_forbids_code_from_elsewhere(room: Stage) -> None:
    async with aiohttp.ClientSession() as session, session.get(room.demo.address) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


async def test_the_page_has_run_without_an_error(room: Stage, broken: Ended) -> None:
    assert room.desk.errors == []
    assert room.phone.errors == []


async def test_the_audit_chain_of_all_this_verifies(room: Stage, broken: Ended) -> None:
    status, output = await room.demo.command("audit", "verify")
    assert status == 0, output


# --- what several tests ask -------------------------------------------------------------------


async def answered(stage: Stage, text: str) -> Message:
    """Say it in the room; the bot's first lasting answer."""
    root = await scenes.say(stage, text)
    return await stage.people[DEVELOPER].wait_for(
        lambda message: message["body"]["tone"] != "running", thread=root
    )


def seconds_of(told: str) -> float:
    """Of a time as people read it: minutes and seconds."""
    lengths = {"시간": 3600, "분": 60, "초": 1}
    found = re.findall(r"(\d+(?:\.\d+)?)(시간|분|초)", told)
    assert found, told
    return sum(float(number) * lengths[unit] for number, unit in found)


def gaps_of(stage: Stage, name: str, ended: Ended) -> list[str]:
    """What was not answered, of many questions that each node had its share of."""
    asked = ended.answers.asked
    stage.figures[f"{name}: gaps"] = f"{len(ended.answers.gaps)} of {asked} answers"
    assert asked > 100
    assert {entry.split()[0] for entry in ended.answers.nodes} == set(NODES)
    return ended.answers.gaps


def mixed_package(folder: Path, now: Mapping[str, bytes]) -> Path:
    """A zip with a new, a changed and an unchanged file."""
    package = folder / "mixed.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("notice/점검 안내.html", "<p>정기 점검</p>")
        archive.writestr("index.html", now["index.html"] + b"<!-- changed -->")
        archive.writestr("assets/app.css", now["assets/app.css"])
    return package
