"""Verb and object to action, by rules that a reader can check one by one.

Owns: the ordered table of rules, wish and negation of verbs that change something. Works on text
without spaces in which names of the estate are masked. Must not know targets or parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from intents.rulebook import HEALTH, INTERNAL, MANAGING, READING
from intents.times import recurs

RESTART = (
    r"재기동|제기동|재시작|재시잣|재구동|리스타트|restart|재가동|껐다켜|껐다가켜|내렸다올"
    r"|내렸다가올|내렸다가다시올"
)
_DEPLOY = r"배포|반영|디플로이|deploy|패치(?!노트)|릴리즈|업로드"
_PUT = r"올려|올리고|적용|교체|업데이트|덮어써|덮어|넣어|바꿔|갈아"
_ROLLBACK = (
    r"롤백|되돌려|되돌리|원복|원상복구|rollback|(?:이전|전|직전)(?:버전|상태|걸|것)(?:으)?로|복원"
)
_ASKED = r"(?=줘|주|라|달|봐|요|$|▒)"
_STOP = rf"중지|정지|stop|셧다운|(?:내려|꺼|죽여){_ASKED}|내리고|끄고|내려놔|꺼놔"
_START = rf"기동|시작|start|(?:켜|올려|살려|띄워){_ASKED}|켜고|띄우고"

# What may follow a verb that makes it no wish: past, question, condition, plan, noun.
_NO_WISH = (
    r"(?:은|는|을|를|이|가|도|건|한거|)?(?:했|후에도|뒤에도|후로|시켰|시킨|시키는|시키면"
    r"|잘됐|잘되|잘된|잘했"
    r"|하였|됐|되었|된|되어"
    r"|되고|돼있|한(?!다음|뒤|후|번)|하던|하려|할예정|할계획|할때"
    r"|할수|할까|하시죠|하겠|할게|할께|하신|하셨|하면|해야|해도|하나요|하는|되는|되나|될"
    r"|안되|안돼|이안|이력|내역|기록|현황|히스토리"
    r"|방법|절차|순서(?!대로)|동결|금지|작업(?:은|이)?(?:언제|무슨|몇|가능)|기준|승인"
    r"|규칙|지시|담당|누가|누구|성공|여부|결과|목록|예정|일정|언제|몇"
    r"|실패|중(?:이|인|입)|자|이유|왜|필요한|필요하"
    r"|완료|끝|직후|이후|전에|하기|하고나|하니|하래|하라고|해달라(?!고요|고!|고$|니까"
    r"|구요|구!)|시간|권한|어떻게|방식|란|이란|이뭐|뭐"
    r"|도(?:돼|되|될|괜찮)|놨|놓|뒀|진|졌|져|갔|간|드렸|드립|드릴|요청했|요청하였|요청받"
    r"|요청이|요청들어|요청왔|부탁했|부탁받|부탁이"
    r"|필요(?!없)|가능|준비|계획|테스트|확인|점검|대상|문서|전$|전(?!체|부|환)|팀|관련"
    r"|버전|스크립트|매뉴얼|상태|로그|서버(?:가|는|의)"
    r"|알림|공지|일지|창|시점|파일(?!들?(?:을|를|도)?(?:반영|배포|올려|적용|교체))|때문)"
)
# What may follow a verb's noun so that it is a wish: the end, a request, where to do it.
_WISH = (
    r"(?:작업|처리|진행|실행|건|좀|을|를|도|만|이|은|는|까지|한번|다시|바로|빨리|즉시"
    r"|지금|당장|같이|먼저|꼭|얼른|시|및|랑|와|과"
    r"|부터|으로|로|급히|긴급|신속히|조속히|하고)*"
    r"(?:$|[^가-힣ㄱ-ㅎ]|해|하|합|할|후|한|부탁|요|이요|요청|바랍|바람|처리|진행|실행"
    r"|시켜|시키|주|줘|라|달|봐|돌려|ㄱ|ㅂ|고고"
    r"|웹|와스|디비|운영|개발|스테이징|검증|서버|전체|전부|모두|[일이삼사오]번|무중단"
    r"|순차|롤링|그리고|그다음|다음|뒤|재기동|재시작"
    r"|배포|반영|롤백|복구|톰캣|아파치|엔진|서비스|프로세스|받|떠|뜨|하나|걸어|파일(?=받|떠))"
)
_CONJUGATED = re.compile("[고려어꿔아워써여켜꺼놔리로올둬돌려줘]$|다시올|복원|복구|원상")
_DENIED = (
    r"(?:은|는|을|를|도|까지|까진)?(?:절대로?|아직|지금은|일단은?|제발|굳이)?(?:하지(?:는"
    r"|도)?(?:마|말)|하진(?:마|말)|하지않|안해"
    r"|안하|않|말고|말아|마(?:라|세요|시)|없이|금지"
    r"|불필요|보류|연기(?!금)|미뤄|미루|미룹|홀드|no(?![a-z])|노노|필요없|필요는없"
    r"|필요도없|빼고|제외|생략|ㄴㄴ|놉|못하게|시키지(?:마|말)"
    r"|돌리지(?:마|말)|리지(?:마|말)|지(?:마|말))"
)
_UNLESS = re.compile(
    r"(?:실패|문제|이상|안되|안돼|에러|오류|장애|잘못되|나)[가-힣]{0,6}(?:면|시"
    r"|경우)(?:에|엔|에는)?,?(?:바로|자동|즉시|자동으로|다시)?$"
)


_LATER = re.compile(
    r"내일|모레|글피|다음주|담주|주말에|이따|나중에|오늘(?:밤|저녁|새벽|오후)|\d+(?:시간"
    r"|분)(?:뒤|후|있다가)"
    r"|(?:오전|오후|새벽|밤|저녁|아침|\d{1,2})\s*\d{0,2}시(?:\d{1,2}분|반)?(?:에|쯤|부터"
    r"|정각)|퇴근후|업무(?:시간)?후"
)


# "there is work tomorrow, so …": the reason is tomorrow, the wish is now
_REASON = re.compile(
    r"(?:내일|모레|다음주|주말에|오늘(?:밤|저녁|새벽|오후))[가-힣]{0,12}?(?:니까|니깐"
    r"|어서|아서|라서|때문에|대비해서)"
)
_NOT_AT_ALL = re.compile(r"(?<![업법노사실의총])무$")  # "무재기동", but not "업무 재기동"


class Wish(StrEnum):
    """What a text says about one verb."""

    WANTED = "wanted"
    DENIED = "denied"
    MENTIONED = "mentioned"  # told or asked about
    BOTH = "both"
    ABSENT = "absent"


def wish_for(verb: str, text: str) -> Wish:
    """Whether a verb is asked for, forbidden, or only talked about."""
    seen: set[Wish] = set()
    for match in re.finditer(verb, text):
        rest = text[match.end() :]
        if re.match(_DENIED, rest) or _NOT_AT_ALL.search(text[: match.start()]):
            seen.add(Wish.DENIED)
        elif re.match(_NO_WISH, rest) or _UNLESS.search(text[: match.start()]):
            seen.add(Wish.MENTIONED)
        elif not _CONJUGATED.search(match.group()) and not re.match(_WISH, rest):
            seen.add(
                Wish.MENTIONED
            )  # a noun that nobody asks for: "배포 체크리스트", "배포 들어갑니다"
        else:
            seen.add(Wish.WANTED)
    for wish in (Wish.WANTED, Wish.DENIED):
        if wish in seen:
            both = {Wish.WANTED, Wish.DENIED} <= seen
            return Wish.BOTH if both else wish
    return Wish.MENTIONED if seen else Wish.ABSENT


def restart_wish(text: str) -> Wish:
    """What a text says about restarting ("무중단 재기동" is a restart)."""
    return wish_for(RESTART, re.sub(r"무중단", "", text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The action a text asks for. ``doubtful``: it says both yes and no, so somebody must ask;
    ``mentioned``: a changing verb is there, but nobody asks for it."""

    action: str | None = None
    doubtful: bool = False
    mentioned: bool = False
    operation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the rules look at: squeezed text with names masked, and what surrounds it.
    ``wishes``: the same without sentences that only ask something; a change rests on these.
    ``english``: the action that English words name, where nothing is to be changed."""

    text: str
    wishes: str = ""
    files: bool = False
    service: bool = False
    mes: bool = False
    english: str | None = None
    layer: str | None = None
    sr: bool = False


def decide(scene: Scene) -> Verdict:
    """The action a request asks for."""
    text = scene.text
    for action, pattern in MANAGING:
        if re.search(pattern, text):
            return Verdict(action=action)
    inner = _inner(scene)
    if inner is not None and inner.action and (recurs(text) or _later(inner, text)):
        return _recurring(inner)
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
    changing = _changing(scene)
    if changing is None and scene.english is not None:
        return Verdict(action=scene.english)
    return changing or _reading(scene)


def _recurring(inner: Verdict) -> Verdict:
    if inner.action in ("register_cron", "cron_health_checker", "sr_list", "deploy_history"):
        return inner
    return Verdict(action="schedule_action", operation=inner.action)


def _later(inner: Verdict, text: str) -> bool:
    """Whether a change is wanted at another time: it must not happen now."""
    changes = inner.action in ("deploy", "rollback", "manage_service", "backup_db")
    return changes and inner.operation != "status" and bool(_LATER.search(_REASON.sub("", text)))


def _reading(scene: Scene) -> Verdict | None:
    text = scene.text
    if scene.mes and re.search(
        r"품질|qc|데이터|실적|작업|공정|생산|검사|디비|db에서|긁어|수율", text
    ):
        return Verdict(action="fetch_mes_qc")
    if re.search(
        (
            r"(?:설정|config|컨피그|구성|파일).{0,10}(?:위변조|무결성|변조|변경(?:됐|된|여부)"
            r"|기준값|베이스라인|해시|바뀌|바뀐|손댄)|무결성"
        ),
        text,
    ):
        return Verdict(action="config_integrity_check")
    if (
        scene.service
        and re.search(r"상태|status", text)
        and not re.search(r"로그|자원|cpu|메모리", text)
    ):
        return Verdict(action="manage_service", operation="status")
    for action, pattern in READING:
        if re.search(pattern, text):
            return Verdict(action=action)
    if re.search(HEALTH, text):
        internal = re.search(INTERNAL, text) or re.search(
            r"(?:was|와스)(?:내부)?상태|내부상태", text
        )
        return Verdict(action="check_internal_was_status" if internal else "check_infra_health")
    return None


def _changing(scene: Scene) -> Verdict | None:
    scene = replace(scene, text=scene.wishes)
    for rule in (
        _healing,
        _cron,
        _cleaning,
        _integrity,
        _killing,
        _rollback,
        _deploy,
        _backup,
        _service,
    ):
        verdict = rule(scene)
        if verdict is not None:
            return verdict
    return None


def _wished(action: str, wish: Wish, operation: str | None = None) -> Verdict | None:
    if wish is Wish.BOTH:
        return Verdict(action=action, doubtful=True, operation=operation)
    return Verdict(action=action, operation=operation) if wish is Wish.WANTED else None


def _healing(scene: Scene) -> Verdict | None:
    pattern = (
        r"자가치유|자동복구|self-?heal|셀프힐|(?:디스크|용량).{0,16}(?:넘으면|초과하면"
        r"|차면|이상이면|넘을때|넘어가면).{0,16}(?:정리"
        r"|비워|삭제|확보|지워|치워)"
    )
    return Verdict(action="self_healing_defense") if re.search(pattern, scene.text) else None


def _cron(scene: Scene) -> Verdict | None:
    pattern = r"(?:크론|cron)(?:탭|tab|잡)?.{0,12}(?:등록|추가|걸어|넣어|만들|생성|설정해|잡아)"
    return Verdict(action="register_cron") if re.search(pattern, scene.text) else None


def _cleaning(scene: Scene) -> Verdict | None:
    pattern = (
        r"(?:로그|log|백업파일|오래된파일|디스크|용량).{0,24}(?:압축(?!파일|본)|정리해"
        r"|정리좀|정리부탁|삭제|지워|지우|비워"
        r"|확보)(?!.{0,3}(?:하지마"
        r"|하지말|했|됐|한|된))"
    )
    excel = r"엑셀|xlsx|요약"
    if re.search(pattern, scene.text) and not re.search(excel, scene.text):
        return Verdict(action="backup_and_clear")
    return None


def _integrity(scene: Scene) -> Verdict | None:
    pattern = (
        r"(?:기준값|베이스라인|baseline|기준해시|기준선|무결성기준|해시값)(?:을|를|으로"
        r"|좀)?.{0,6}(?:등록|새로|초기화|갱신|잡아|생성|만들|업데이트|다시"
        r"|저장)"
    )
    if re.search(pattern, scene.text):
        return Verdict(action="config_integrity_check", operation="init")
    return None


def _killing(scene: Scene) -> Verdict | None:
    pattern = (
        r"(?:세션|접속|pid|프로세스|커넥션|쿼리|로그인).{0,16}(?:끊어|끊고|끊자|종료(?:해"
        r"|시|부탁|$)|kill|킬(?:해|$|좀)|강제종료"
        r"|죽여|로그아웃)"
    )
    match = re.search(pattern, scene.text)
    if match is None or re.match(r"(?:도)?(?:되|돼|진|지(?:마|말))", scene.text[match.end() :]):
        return None
    if re.search(r"db|디비|데이터베이스|락|쿼리|블로킹", scene.text):
        return Verdict(action="check_db_status", operation="kill")
    return Verdict(action="kill_session")


def _rollback(scene: Scene) -> Verdict | None:
    return _wished("rollback", wish_for(_ROLLBACK, scene.text))


def _deploy(scene: Scene) -> Verdict | None:
    verdict = _wished("deploy", wish_for(_DEPLOY, scene.text))
    if verdict is not None:
        return verdict
    object_named = (
        scene.files
        or scene.sr
        or re.search(
            r"파일|html|클래스|class|war|jar|소스|이미지|js|css|jsp|첨부|이거|수정본|모듈|sr",
            scene.text,
        )
    )
    here = re.search(r"여기(?:에|다|에다)?(?:좀)?올려|결과(?:를)?올려|엑셀|채널에", scene.text)
    if not object_named or here:
        return None
    return _wished("deploy", wish_for(_PUT, scene.text))


def _backup(scene: Scene) -> Verdict | None:
    named = (
        r"백업(?:을|좀|도|본)?(?:받|떠|뜨|해|실행|돌려|부탁|하나|진행|걸|시작|$|요청|하고)"
        r"|backup(?:을|좀|도)?(?:떠|받|해|부탁|하나|진행)"
        r"|덤프(?:를|좀|도|파일)?(?:하나|한번|좀)?(?:떠|받|해|뜨)|(?:db|디비)백업"
    )
    if scene.layer in ("WEB", "WAS") or re.search(
        r"힙|스레드|쓰레드|메모리덤프|코어덤프", scene.text
    ):
        return None
    if re.search(named, scene.text) and wish_for(r"백업|덤프|backup", scene.text) is Wish.WANTED:
        return Verdict(action="backup_db")
    return None


def _service(scene: Scene) -> Verdict | None:
    text = scene.text
    restart = _wished("manage_service", restart_wish(text), "restart")
    if restart is not None:
        return restart
    thing = scene.service or re.search(r"(?:was|web|와스|웹|db|디비|서비스|프로세스|데몬)", text)
    if not thing or re.search(r"로그|엑셀|파일|다운로드", text):
        return None
    rest = re.sub(RESTART, "▒", text)
    if restart_wish(text) is not Wish.ABSENT:
        return None
    for operation, verb in (("stop", _STOP), ("start", _START)):
        verdict = _wished("manage_service", wish_for(verb, rest), operation)
        if verdict is not None:
            return verdict
    return None


def _mentions_change(text: str) -> bool:
    verbs = (RESTART, _DEPLOY, _ROLLBACK)
    return any(wish_for(verb, text) in (Wish.MENTIONED, Wish.DENIED) for verb in verbs)
