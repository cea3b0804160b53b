"""Reports as GUARDiA would post them, in Korean, and a story told with them in a room.

Owns: sample data for looking at the room and for its tests. No test depends on its wording.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import aiohttp

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import (
    Button,
    ButtonStyle,
    Checklist,
    ChecklistRow,
    Facts,
    Lines,
    Link,
    Notice,
    Paragraph,
    Report,
    Table,
    Tone,
)
from tests.fakes.room_server import ROOM, RoomServer

JOB = "J-20261122-0007"
STEPS = (
    "파일을 대기 위치로 전송",
    "체크섬 대조",
    "moef-budget-prod-was01 부하분산에서 제외",
    "moef-budget-prod-was01 백업",
    "moef-budget-prod-was01 파일 교체",
    "moef-budget-prod-was01 tomcat 재기동",
    "moef-budget-prod-was01 상태 확인",
    "moef-budget-prod-was01 부하분산에 복귀",
    "moef-budget-prod-was02 부하분산에서 제외",
    "moef-budget-prod-was02 백업",
    "moef-budget-prod-was02 파일 교체",
    "moef-budget-prod-was02 tomcat 재기동",
    "moef-budget-prod-was02 상태 확인",
    "moef-budget-prod-was02 부하분산에 복귀",
)


def digest_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def plan_report() -> Report:
    """A deployment that waits for approval."""
    files = (
        ("WEB-INF/classes/budget/LoginController.class", "14.2 KB", "변경", "동적"),
        ("WEB-INF/classes/budget/LoginService.class", "9.8 KB", "변경", "동적"),
        ("WEB-INF/lib/budget-common-2.4.1.jar", "1.3 MB", "신규", "동적"),
        ("static/css/login.css", "3.1 KB", "변경", "정적"),
        ("static/js/login.js", "6.4 KB", "동일", "정적"),
    )
    return Report(
        title="예산시스템 WAS 2대 반영 계획",
        summary="기획재정부 예산시스템 운영 WAS 2대에 파일 5개를 반영합니다. 승인이 필요합니다.",
        tone=Tone.ASK,
        sections=(
            Facts(
                rows=(
                    (
                        "대상",
                        "기획재정부 예산시스템 · 운영 · WAS 2대\n"
                        "moef-budget-prod-was01, moef-budget-prod-was02",
                    ),
                    ("SR", "SR-2026-0401 로그인 화면 문구 수정"),
                    ("재기동", "tomcat 재기동함: 클래스 파일 2개와 라이브러리 1개가 바뀝니다."),
                    ("위험도", "변경 (운영)"),
                    ("승인", "파트장 또는 PM 1명 · 03:30까지"),
                    ("계획", digest_of("plan")),
                ),
            ),
            Table(
                title="파일 5개",
                columns=("경로", "크기", "SHA-256", "현재 대비", "종류"),
                rows=tuple((p, s, digest_of(p), n, h) for p, s, n, h in files),
                folded=True,
            ),
            Checklist(
                title="실행 순서",
                rows=tuple(ChecklistRow(state="pending", label=label) for label in STEPS[:8]),
            ),
            Paragraph(text="되돌리기: 노드별 백업을 같은 순서로 되돌리고 상태를 확인합니다."),
            Notice(
                text="반영 중에는 한 대씩 서비스에서 빠집니다. 나머지 한 대가 요청을 모두 받습니다."
            ),
        ),
        buttons=(
            Button(
                button="approve",
                value="plan-7",
                label="승인",
                style=ButtonStyle.PRIMARY,
                confirm="운영 WAS 2대에 반영합니다. 승인할까요?",
            ),
            Button(button="reject", value="plan-7", label="반려", style=ButtonStyle.DANGER),
        ),
        footer=f"작업 {JOB} · 03:00:12 요청",
    )


def decided_plan_report() -> Report:
    """The same, after the verdict."""
    plan = plan_report()
    first = plan.sections[0]
    assert isinstance(first, Facts)
    rows = (*first.rows, ("결정", "박파트장(파트장) 승인 · 03:02:41"))
    return replace(
        plan, tone=Tone.GOOD, buttons=(), sections=(Facts(rows=rows), *plan.sections[1:])
    )


def progress_report(done: int, *, failed: bool = False) -> Report:
    """The progress message when ``done`` steps have ended."""
    rows = [
        ChecklistRow(state="succeeded", label=label, elapsed_ms=340 + 1234 * index)
        for index, label in enumerate(STEPS[:done])
    ]
    if done < len(STEPS):
        state, detail = (
            ("failed", "60초 안에 200이 오지 않음 (마지막 응답 503)") if failed else ("running", "")
        )
        rows.append(
            ChecklistRow(
                state=state, label=STEPS[done], detail=detail, elapsed_ms=60_120 if failed else None
            )
        )
    rows += [
        ChecklistRow(state="skipped" if failed else "pending", label=label)
        for label in STEPS[done + 1 :]
    ]
    return Report(
        title="예산시스템 WAS 2대 반영 중",
        summary="예산시스템 WAS 2대에 반영하고 있습니다.",
        tone=Tone.BAD if failed else Tone.RUNNING,
        sections=(Checklist(title="진행 상황", rows=tuple(rows)),),
        buttons=()
        if failed
        else (
            Button(
                button="cancel",
                value=JOB,
                label="중단",
                style=ButtonStyle.DANGER,
                confirm="다음 단계 전에 멈춥니다. 중단할까요?",
            ),
        ),
        footer=f"작업 {JOB} · 시작 03:02:42",
    )


def final_report() -> Report:
    """The end of a deployment that went well."""
    return Report(
        title="예산시스템 WAS 2대 반영 완료",
        summary="2대 모두 정상입니다. 걸린 시간 1분 12초.",
        tone=Tone.GOOD,
        sections=(
            Facts(
                rows=(
                    ("요청", "김개발(개발자) · 03:00:12"),
                    ("승인", "박파트장(파트장) · 03:02:41"),
                    ("체크섬", "5개 파일 × 2대 모두 일치"),
                    ("백업", "bk-20261122-030250"),
                    ("소요", "1분 12초"),
                ),
            ),
            Table(
                title="노드별 결과",
                columns=("노드", "결과", "상태 확인", "소요"),
                rows=(
                    ("moef-budget-prod-was01", "완료", "HTTP 200", "34초"),
                    ("moef-budget-prod-was02", "완료", "HTTP 200", "36초"),
                ),
            ),
        ),
        buttons=(Button(button="rollback", value=JOB, label="롤백"),),
        footer=f"작업 {JOB} · 03:03:54 끝남",
    )


def failure_report() -> Report:
    """The end of a deployment that was rolled back."""
    log = (
        "22-Nov-2026 02:41:07.113 INFO [main] o.a.c.startup.HostConfig.deployDirectory",
        "22-Nov-2026 02:41:09.870 SEVERE [main] Context initialization failed",
        "org.springframework.beans.factory.BeanCreationException: "
        "Error creating bean 'budgetDataSource'",
        "Caused by: java.lang.ClassNotFoundException: budget.config.PoolSettings",
    )
    return Report(
        title="예산시스템 WAS 반영 실패 · 이전 버전으로 되돌림",
        summary="was02가 정상으로 올라오지 않아 2대 모두 되돌렸습니다.",
        tone=Tone.BAD,
        sections=(
            Notice(
                text="was02의 상태 확인이 실패해 2대 모두 이전 버전으로 되돌렸습니다. "
                "지금은 2대 모두 정상입니다.",
                tone=Tone.BAD,
            ),
            Lines(title="moef-budget-prod-was02 · catalina.out", lines=log),
            Table(
                title="노드별 결과",
                columns=("노드", "결과", "상태 확인", "현재 버전"),
                rows=(
                    ("moef-budget-prod-was01", "되돌림", "HTTP 200", digest_of("old")),
                    ("moef-budget-prod-was02", "되돌림", "HTTP 200", digest_of("old")),
                ),
            ),
            Paragraph(
                text="다음: 라이브러리 목록에 budget-config가 빠졌는지 확인한 뒤 다시 올려 주세요."
            ),
        ),
        footer="작업 J-20261122-0005 · 02:43:18 끝남",
    )


async def tell_a_story(server: RoomServer) -> None:
    """A night's conversation in the room."""
    developer, operator = await server.client("u015"), await server.client("u010")
    await _say(operator, "3시부터 예산시스템 반영 있습니다. 국고는 건드리지 않습니다.")
    await _say(developer, "네, 확인했습니다. zip 올리겠습니다.")
    first = await _say(
        developer,
        "@guardia 기재부 예산시스템 운영 WAS 1, 2번에 이 파일 반영해줘. SR-2026-0400",
        "budget-broken.zip",
    )
    place = ConversationRef(adapter="web", channel=ROOM, thread=first)
    await server.adapter.post(progress_report(12, failed=True), place, key="p5")
    await server.adapter.post(failure_report(), place, key="f5")
    second = await _say(
        developer,
        "@guardia 기재부 예산시스템 운영 WAS 1, 2번에 이 파일들 반영하고 "
        "무중단 재기동해줘. SR-2026-0401",
        "budget-login-2.4.1.zip",
    )
    place = ConversationRef(adapter="web", channel=ROOM, thread=second)
    card = await server.adapter.post(plan_report(), place, key="c7")
    await _say(operator, "was02 어제 디스크 90%였는데 정리했습니다.", thread=second)
    await server.adapter.edit(decided_plan_report(), card)
    await server.adapter.post(progress_report(6), place, key="p7")
    third = await _say(operator, "가디아야 예산시스템 재기동해줘")
    place = ConversationRef(adapter="web", channel=ROOM, thread=third)
    await server.adapter.post(plan_report(), place, key="c8")
    refusal = Report(
        title="승인할 수 없습니다",
        summary="요청한 사람은 자기 요청을 승인할 수 없습니다. 파트장 또는 PM에게 부탁해 주세요.",
        tone=Tone.WARNING,
        only_for="u016",
    )
    await server.adapter.post(refusal, place, key="r8")


async def _say(
    client: aiohttp.ClientSession, text: str, file: str = "", thread: str | None = None
) -> str:
    files = []
    if file:
        async with client.post(
            f"/api/rooms/{ROOM}/files", params={"name": file}, data=file.encode() * 60_000
        ) as answer:
            files = [row["upload"] for row in (await answer.json())["files"]]
    post = {"text": text, "client_id": digest_of(text)[:16], "files": files, "thread": thread}
    async with client.post(f"/api/rooms/{ROOM}/messages", json=post) as answer:
        return str((await answer.json())["message"]["id"])


def long_log_report(lines: int) -> Report:
    """A log of so many lines, and where one goes on."""
    told = tuple(f"{number:05d} {'가' * 60}" for number in range(lines))
    link = Link(url="https://guardia.example/jobs/J260401-AAAAAA", label="작업 페이지")
    return Report(title="점검", summary="점검", sections=(Lines(lines=told),), link=link)
