"""The parameters of an action, read from the text that asked for it.

Owns: which words fill which parameter. What it returns has still to pass the catalogue.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.core.domain.intent import Param
from intents import times
from intents.phrase import Phrase
from intents.wishes import DEPLOY, RESTART, ROLLBACK, Wish, restart_wish

_SERVICES: Mapping[str, str] = {
    r"톰캣|tomcat|톰켓": "tomcat",
    r"nginx|엔진\s?엑스|엔진x": "nginx",
    r"httpd|아파치|apache": "httpd",
    r"jboss|제이보스|wildfly": "jboss",
    r"postgres(?:ql)?|포스트그레(?:스|sql)?": "postgresql",
    r"제우스|jeus": "jeus",
    r"웹투비|webtob": "webtob",
    r"웹로직|weblogic": "weblogic",
    r"오라클|oracle": "oracle",
    r"티베로|tibero": "tibero",
    r"mysql|마이에스큐엘": "mysql",
    r"mariadb|마리아": "mariadb",
    r"redis|레디스": "redis",
}
_NO_SERVICE = re.compile(
    r"was|web|prod|dev|stage|stg|the|this|that|our|any|all|restart|stop|start|status|check|msa|api"
)
_ROLES: Mapping[str, str] = {
    r"파트장|파트\s?리더|sm_lead|팀장": "sm_lead",
    r"\bpm\b|피엠|pm(?=[가-힣])|사업관리자|프로젝트\s?매니저": "pm",
    r"감사(?:자|인|담당)|auditor": "auditor",
    r"개발자|developer": "developer",
    r"운영자|sm\s?담당|\bsm\b|sm(?=[가-힣])": "sm",
}
_VERBS: Mapping[str, str] = {
    r"배포|반영|deploy": "deploy",
    r"롤백|되돌|rollback": "rollback",
    r"재기동|재시작|중지|기동": "manage_service",
    r"db\s?백업|디비\s?백업|백업": "backup_db",
    r"세션\s?(?:종료|킬|끊)": "kill_session",
    r"크론": "register_cron",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What parameters are read from. ``flat`` is squeezed, with names of the estate masked."""

    phrase: Phrase
    masked: str
    flat: str
    now: dt.datetime
    operation: str | None = None
    told: str = ""  # news beside the request, where the target is named there


def service_in(text: str) -> str | None:
    """The one service a text names."""
    found = {service for pattern, service in _SERVICES.items() if re.search(pattern, text)}
    return found.pop() if len(found) == 1 else None


def details(action: str, reading: Reading) -> dict[str, Param]:
    """The parameters of an action that the text gives."""
    reader = _READERS.get(action)
    found = reader(reading) if reader else {}
    return {name: value for name, value in found.items() if value is not None}


_Found = dict[str, Param | None]


# "재기동은 밤에 따로 할 거라 이번엔 하지 말아주세요": far behind its verb.
_RESTARTED_APART = re.compile(
    rf"(?:{RESTART})(?:은|는)(?:(?!{DEPLOY}|{ROLLBACK})[^.?!]){{0,24}}?"
    r"(?:하지(?:는|도)?(?:마|말)|안해도|안하|(?:따로|별도로|나중에|이따|직접)[가-힣]{0,4}(?:할|하겠|합니다))"
)


def _deploy(reading: Reading) -> _Found:
    wish = restart_wish(reading.flat)
    ref = re.search(
        r"(?<![a-z])(?:tag|태그|브랜치|branch|ref)\s*[:=]?\s*([a-z0-9][a-z0-9._-]{0,63})",
        reading.masked,
    )
    ref = ref or re.search(
        r"(?<![a-z0-9._/-])(v\d[a-z0-9._-]{0,40}|(?:release|feature|hotfix|bugfix)[/_-][a-z0-9._-]{1,40})"
        r"\s*(?:tag|태그|브랜치|branch|버전)",
        reading.masked,
    )
    found: _Found = {"ref": ref[1] if ref else None}
    if wish in (Wish.WANTED, Wish.DENIED):
        found["restart"] = wish is Wish.WANTED
    elif _RESTARTED_APART.search(reading.flat):
        found["restart"] = False
    return found


def _rollback(reading: Reading) -> _Found:
    job = re.search(r"\bj\d{6}-[a-z0-9]{6}\b", reading.masked)
    return {"deployment": job.group().upper() if job else None}


def _service(reading: Reading) -> _Found:
    service = service_in(reading.masked) or _unknown_service(reading.masked)
    service = service or service_in(reading.told)
    return {"service": service, "operation": reading.operation or "status"}


def _unknown_service(text: str) -> str | None:
    """A service by a name that is not known here: the plan refuses it where a node lacks it.

    Left out, it would mean whatever the node runs.
    """
    named = re.search(
        r"(?<![\w./-])([a-z][a-z0-9_-]{2,30})\s*(?:서비스|데몬|service\b|daemon\b)", text
    )
    return None if named is None or _NO_SERVICE.fullmatch(named[1]) else named[1]


def _disk(reading: Reading) -> _Found:
    path = re.search(r"(?<![\w/.])(/[A-Za-z0-9][A-Za-z0-9._/-]*)", reading.phrase.cased)
    return {"path": path[1].rstrip("/") if path else None}


def _logs(reading: Reading) -> _Found:
    text = reading.masked
    lines = re.search(
        r"(\d{1,4})\s*(?:줄|라인|lines?)|(?:tail|마지막|last(?=\s*\d+\s*lines))\s*-?n?\s*(\d{1,4})(?!\d)",
        text,
    )
    spreadsheet = re.search(r"엑셀|xlsx|excel|스프레드", text)
    days = times.days_of(text)
    if days is None and re.search(r"오늘|금일|어제|하루", text):
        days = 1
    return {
        "pattern": _log_pattern(reading.phrase),
        "days": days,
        "hours": times.hours_of(text) if days is None else None,
        "lines": int(lines[1] or lines[2]) if lines else None,
        "format": "xlsx" if spreadsheet else None,
    }


def _log_pattern(phrase: Phrase) -> str | None:
    if phrase.quotes:
        return phrase.quotes[0].strip() or None
    known = re.search(
        r"\b([A-Za-z][\w.]*(?:Exception|Error)|OutOfMemory\w*|ORA-\d{4,5}|ERROR|WARN|FATAL)\b",
        phrase.cased,
    )
    return known[1] if known else None


def _database(reading: Reading) -> _Found:
    kill = reading.operation == "kill"
    return {"operation": "kill" if kill else "check", "pid": _pid(reading) if kill else None}


_PID = re.compile(
    r"(?:pid|세션|프로세스|(?<![a-z])session)\s*(?:번호|pid|id)?\s*[:=#은는이가]?\s*(\d{1,7})(?!\d|\s*(?:번\s*기|호기|개|건|초|분|시간|일|주|달|%|퍼|프로|명|시\b))"
    r"|(?<!\d)(\d{2,7})\s*번?\s*(?:pid|세션|프로세스)(?!\s*(?:pid|번호)?\s*[:=#은는이가]?\s*\d)",
    re.ASCII,
)
_ANOTHER_PID = re.compile(r"\s*번?\s*(?:,|와|과|이랑|랑|하고|및|and|&)\s*(?:pid\s*)?\d{2,7}(?!\d)")


def _pid(reading: Reading) -> int | None:
    """The one process that is named; of two a person says which."""
    found = list(_PID.finditer(reading.masked))
    numbers = {int(match[1] or match[2]) for match in found}
    several = any(_ANOTHER_PID.match(reading.masked, match.end()) for match in found)
    return numbers.pop() if len(numbers) == 1 and not several else None


def _cleaning(reading: Reading) -> _Found:
    span = rf"({times.SPAN}).{{0,14}}?"
    packed = re.search(span + r"압축", reading.masked)
    deleted = re.search(span + r"(?:삭제|지워|지우|제거)", _behind(packed, reading.masked))
    older = r"(?:older than|over|past|beyond|after)\s*(\d{1,4})\s*days?"
    compress = re.search(r"(?:compress|gzip|archive)\b.{0,20}?" + older, reading.masked)
    delete = re.search(
        r"(?:delete|remove|purge|clear|clean\s*up)\b.{0,20}?" + older, reading.masked
    )
    return {
        "compress_days": _days(packed, compress),
        "delete_days": _days(deleted, delete),
    }


def _days(korean: re.Match[str] | None, english: re.Match[str] | None) -> int | None:
    if korean is not None:
        return times.span_days(korean[1])
    return int(english[1]) if english else None


def _behind(match: re.Match[str] | None, text: str) -> str:
    return text[match.end() :] if match else text


def _cron(reading: Reading) -> _Found:
    jobs = (
        ("db_backup", r"백업|덤프|backup|dump"),
        ("log_cleanup", r"로그.{0,8}(?:정리|삭제|압축|청소)|정리|clean|purge"),
        ("health_check", r"헬스|상태|점검|health"),
    )
    job = next((job for job, pattern in jobs if re.search(pattern, reading.flat)), None)
    return {"cron": times.cron_of(reading.masked), "job": job}


def _healing(reading: Reading) -> _Found:
    match = re.search(
        r"(\d{2})\s*(?:%|퍼센트|프로|퍼(?![가-힣]))"
        r"|(?:임계(?:치|값|점)?|threshold|한계치)\s*(?:를|을|은|는|값)?\s*[:=]?\s*(?:to|at|of)?\s*(\d{2})(?!\d)",
        reading.masked,
    )
    return {"threshold": int(match[1] or match[2]) if match else None}


def _pipeline(reading: Reading) -> _Found:
    name = re.compile(r"(?<![\w-])([a-z0-9]+(?:[-_][a-z0-9]+)+)(?![\w-])")
    quoted = [quote.strip() for quote in reading.phrase.quotes]
    match = next(filter(None, (name.fullmatch(quote.lower()) for quote in quoted)), None)
    match = match or name.search(reading.masked)
    return {"pipeline": match[1] if match else None}


def _sr_list(reading: Reading) -> _Found:
    status = re.search(
        r"(접수|개발중|개발완료|검증중|검증|반영대기|배포대기|완료|반려|보류)(?=된|인|상태|건|sr|\s)",
        reading.masked,
    )
    return {
        "month": times.month_of(reading.masked, reading.now),
        "status": status[1] if status else None,
    }


def _timeline(reading: Reading) -> _Found:
    return {"month": times.month_of(reading.masked, reading.now)}


def _history(reading: Reading) -> _Found:
    month = times.month_of(reading.masked, reading.now)
    return {"month": month, "days": None if month else times.past_days_of(reading.masked)}


def _rule(reading: Reading) -> _Found:
    text = reading.masked
    role = next((role for pattern, role in _ROLES.items() if re.search(pattern, text)), None)
    stages = re.search(r"(\d)\s*단계", text)
    quorum = re.search(r"(\d|(?<![가-힣])[한두세네])\s*(?:명|인(?!증|터|프|사|트))", text)
    action = next((verb for pattern, verb in _VERBS.items() if re.search(pattern, text)), None)
    return {
        "target_action": action,
        "approver_role": role,
        "stages": int(stages[1]) if stages else None,
        "quorum": ({"한": 1, "두": 2, "세": 3, "네": 4}.get(quorum[1]) or int(quorum[1]))
        if quorum
        else None,
    }


def _audit(reading: Reading) -> _Found:
    action = next((v for p, v in _VERBS.items() if re.search(p, reading.masked)), None)
    return {"days": times.past_days_of(reading.masked), "action": action}


def _ticket(reading: Reading) -> _Found:
    lines = " ".join(reading.phrase.full.split())
    said = re.sub(
        r"(?:장애\s*)?티켓\s*(?:좀\s*)?(?:하나\s*)?(?:끊어|발행해|만들어|생성해|열어|등록해)\s*(?:줘|주세요|달라)?",
        " ",
        lines,
    )
    summary = " ".join(said.split()).strip(" -–:,.") or lines
    severities = (
        ("critical", r"긴급|심각|치명|전면|critical|1등급"),
        ("minor", r"경미|단순|minor|사소|3등급"),
        ("major", r"중대|major|2등급"),
    )
    severity = next((s for s, p in severities if re.search(p, reading.masked)), None)
    return {"summary": summary[:200], "severity": severity}


def _schedule(reading: Reading) -> _Found:
    return {"cron": times.cron_of(reading.masked), "target_action": reading.operation}


_TASK = re.compile(
    r"\b(j\d{6}-[a-z0-9]{6})\b|(?:작업|요청|잡|job|task)\s*(?:번호|id)?\s*[:#=]?\s*([a-z]{1,4}-?\d{2,}(?:-[a-z0-9]+)?)(?![a-z0-9-])"
    r"|(?<![\w-])(?!sr|was|web|db|ora)([a-z]{1,4}-\d{2,}(?:-[a-z0-9]+)?)\s*번?\s*(?:은|는|을|를)?\s*(?:작업|요청|건|잡|job|task|취소|중단|멈춰|cancel)"
)


def _task(reading: Reading) -> _Found:
    job = _TASK.search(reading.masked)
    return {"task": (job[1] or job[2] or job[3]).upper() if job else None}


_READERS: Mapping[str, Callable[[Reading], _Found]] = {
    "deploy": _deploy,
    "rollback": _rollback,
    "manage_service": _service,
    "check_disk_space": _disk,
    "collect_target_logs": _logs,
    "check_db_status": _database,
    "fetch_mes_qc": lambda reading: {"date": times.date_of(reading.masked, reading.now)},
    "backup_and_clear": _cleaning,
    "config_integrity_check": lambda reading: {"operation": reading.operation or "check"},
    "register_cron": _cron,
    "self_healing_defense": _healing,
    "run_pipeline": _pipeline,
    "kill_session": lambda reading: {"pid": _pid(reading)},
    "sr_list": _sr_list,
    "sr_timeline": _timeline,
    "deploy_history": _history,
    "set_approval_rule": _rule,
    "search_audit": _audit,
    "create_ticket": _ticket,
    "schedule_action": _schedule,
    "cancel_task": _task,
}
