"""Verb and object to action, by rules that a reader can check one by one.

Owns: the order in which the rules are asked, and what is wanted at another time or again and
again. Works on text without spaces in which names of the estate are masked. Must not know targets
or parameters.
"""

from __future__ import annotations

import re

from intents.changes import Scene, Verdict, changing
from intents.rulebook import BOT, HEALTH, INTERNAL, MANAGING, READING
from intents.times import recurs, with_digits
from intents.which_layer import asks_which_layer
from intents.wishes import DEPLOY, RESTART, ROLLBACK, Wish, is_refused, was_done, wish_for

__all__ = ["Scene", "Verdict", "decide", "operation_for"]

_LATER = re.compile(
    r"내일|모레|글피|다음주|담주|주말에|이따|나중에|오늘(?:밤|저녁|새벽|오후)|\d+(?:시간"
    r"|분)(?:뒤|후|있다가)"
    r"|(?:오전|오후|새벽|밤|저녁|아침|\d{1,2})\s*\d{0,2}시(?:\d{1,2}분|반)?(?:에|쯤|부터"
    r"|정각)|퇴근후|업무(?:시간)?후|예약"
)
_AT_ONCE = re.compile(r"지금(?!말고|은|까지|부터|이?아니|시간)|당장(?!은)|즉시(?!말고)")
# "there is work tomorrow, so …": the reason is tomorrow, the wish is now
_REASON = re.compile(
    r"(?:내일|모레|다음주|주말에|오늘(?:밤|저녁|새벽|오후))[가-힣]{0,12}?(?:니까|니깐"
    r"|어서|아서|라서|이라(?:미리|지금|먼저|일단)|때문에|대비해서|전에)"
)
# "what happens to those who are logged in when it is restarted?"
_WHAT_IF = re.compile(
    r"(?:재기동|재시작|배포|반영|롤백|중지|중단|내리|끄|백업|삭제|정리|종료|지우|끊|죽이|올리|켜|멈추|멈춰)(?:을|를)?(?:하|시키|되|해|어|아)?"
    r"(?:놓으|두|버리|보)?(?:면|게되면)(?!.{0,12}(?:알려|보내|올려))"
    r".{0,24}(?:나요?|까요?|가요|돼요?|되죠|돼|지요?|니까|어요|해요|냐)(?:[?.!~]|$)"
)
# "if it is taken down, there will be trouble": what a change would do, and no wish for a look.
_SUPPOSED = re.compile(
    r"(?:내리|끄|끊|지우|죽이|올리|켜|삭제하|정리하|중지하|종료하|백업하|내려버리|꺼버리|끊어버리|지워버리|죽여버리)(?:면|다간|다가는)(?!안될까|안되나|안돼요\?)"
)
_SENDS = re.compile(r"보내|올려|공유|알려|돌려|전송|예약|스케줄")


def decide(scene: Scene) -> Verdict:
    """The action a request asks for."""
    text = scene.text
    for action, pattern in MANAGING:
        # What is of the bot only (rules, tickets, runs) needs a wish, too.
        wished = action in BOT
        found = re.search(pattern, scene.wishes if wished else text)
        rest = scene.wishes[found.end() :] if found and wished else ""
        if found and not (was_done(rest) or is_refused(rest)):
            return Verdict(action=action)
    inner = _inner(scene)
    if inner is not None and inner.action and (recurs(text) or _later(inner, text)):
        return _recurring(inner, text)
    return inner or Verdict(mentioned=_mentions_change(text))


def operation_for(action: str, scene: Scene) -> str | None:
    """The operation a text names for an action that something else chose."""
    inner = _inner(scene)
    if inner is None:
        return None
    if action == "schedule_action":
        return inner.action
    return inner.operation if inner.action == action else None


def _inner(scene: Scene) -> Verdict | None:
    change = changing(scene)
    if change is None and scene.english is not None:
        return Verdict(action=scene.english)
    return change or (None if _WHAT_IF.search(scene.text) else _reading(scene))


def _recurring(inner: Verdict, text: str) -> Verdict:
    if inner.action in ("register_cron", "cron_health_checker"):
        return inner
    if inner.action in ("sr_list", "deploy_history") and not _SENDS.search(text):
        return inner
    return Verdict(action="schedule_action", operation=inner.action)


def _later(inner: Verdict, text: str) -> bool:
    """Whether a change is wanted at another time: it must not happen now."""
    changes = inner.action in ("deploy", "rollback", "manage_service", "backup_db")
    return (
        changes
        and inner.operation != "status"
        and not _AT_ONCE.search(text)
        and bool(_LATER.search(_REASON.sub("", with_digits(text))))
    )


def _reading(scene: Scene) -> Verdict | None:
    text = scene.text
    named = (action for action, pattern in READING if re.search(pattern, text))
    first = _by_thing(scene) or next((Verdict(action=action) for action in named), None)
    if first is not None or not re.search(HEALTH, text):
        return first
    internal = re.search(INTERNAL, text) or re.search(r"(?:was|와스)(?:내부)?상태|내부상태", text)
    return Verdict(action="check_internal_was_status" if internal else "check_infra_health")


def _by_thing(scene: Scene) -> Verdict | None:
    """What a single thing that is named decides."""
    text = scene.text
    if scene.mes and re.search(
        r"품질|qc|데이터|실적|작업|공정|생산|검사|디비|db에서|긁어|수율|불량", text
    ):
        return Verdict(action="fetch_mes_qc")
    if re.search(
        (
            r"(?:설정|config|컨피그|구성|파일|conf).{0,10}(?:위변조|무결성|변조|변경(?:됐|된|여부)"
            r"|기준값|베이스라인|해시|바뀌|바뀐|손댄|건드렸)|무결성|위변조"
            r"|(?:기준값|베이스라인|baseline).{0,4}(?:대비|랑|과|와)"
        ),
        text,
    ):
        return Verdict(action="config_integrity_check")
    if asks_which_layer(text):
        return Verdict(action="check_internal_was_status")
    if _asks_service(scene):
        return Verdict(action="manage_service", operation="status")
    return None


def _asks_service(scene: Scene) -> bool:
    """Whether the state of one service is asked for, and not whether the WAS is alive."""
    text = scene.text
    if re.search(r"로그(?!인)|자원|cpu|메모리|정상|살아|응답", text):
        return False
    named = scene.service or re.search(r"서비스|데몬|프로세스", text)
    return bool(named and re.search(r"상태|status", text))


def _mentions_change(text: str) -> bool:
    verbs = (RESTART, DEPLOY, ROLLBACK)
    talk = any(wish_for(verb, text) in (Wish.MENTIONED, Wish.DENIED) for verb in verbs)
    return talk or bool(_SUPPOSED.search(text))
