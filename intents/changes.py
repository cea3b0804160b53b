"""The verbs that change something, rule by rule: what is wanted of a server, and nothing less sure.

Owns: which words ask for which change, and in which order that is judged. A change is only read
where the words behind its verb ask for it (``wishes``). Must not know targets or parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from intents.wishes import DEPLOY, RESTART, ROLLBACK, Wish, restart_wish, wish_for


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


_ASKED = r"(?=줘|주|줄(?:래|수있)|라|달|봐|요|놔|놓|$|▒)"
_PUT = (
    r"올려|올리고|(?:밀어|쏴)(?:넣어)?(?=줘|주|라|봐|달|요)"
    r"|적용|교체|업데이트|덮어써|덮어|넣어|바꿔|갈아|깔아"
)
_STOP = (
    rf"중지|정지|stop|스톱|셧다운|중단|shut□*down|take□*down|turn□*off|(?:내려|꺼|죽여){_ASKED}|내리고|끄고"
    r"|내려놔|꺼놔"
)
_START = (
    rf"기동|시작|start|스타트|구동(?!중)|개시|bring□*up|turn□*on|fire□*up|(?:켜|올려|살려|띄워){_ASKED}|켜고|띄우고"
    r"|살리고"
)
_AGAIN = rf"다시(?:올려|켜|살려){_ASKED}|다시(?:시작|기동|구동)"
_CLEAN = (
    r"밀어(?=줘|주|버|라)|압축(?!파일|본|률)|정리|삭제|지워|지우|비워|비우|확보|청소|날려|치워|치우|제거|묶어|아카이브"
    r"|clean□*up|clear|purge|delete|gzip|compress"
)
_ALONE = r"자동(?:으로)?|auto(?:로)?|알아서|스스로"
_BEYOND = (  # more than so much, and not older than so many days
    r"(?<![일주달년월])(?:넘으면|over|오버|넘으시|초과(?:하면|시)|차면|찰때|이상이면|이상되면|넘을때|넘어가면"
    r"|(?:\d{2}|퍼|프로|%)넘)"
)
_CUT = (
    r"끊어|끊고|끊자|종료|kill|킬(?!로)|죽여|로그아웃|terminate|kick|내보내|내쫓|정리|풀어"
    r"|해제|차단"
)
_OF_A_DATABASE = (
    r"db|디비|데이터베이스|락|lock|쿼리|블로킹|블록|블락|데드락|커넥션|postgres"
    r"|오라클|막고있|잠금"
)
_OF_A_SHELL = r"ssh|터미널|쉘|셸|로그인|login|접속자|shell"
_FILES = (
    r"파일|html|클래스|class|(?<![a-z])war(?![a-z])|(?<![a-z])jar|소스|이미지|(?<![a-z])js|css|jsp|첨부"
    r"|이거|수정본|모듈|빌드|build|새버전|(?<![a-z])sr(?![a-z])"
)


def changing(scene: Scene) -> Verdict | None:
    """The change that a text asks for; what only asks something asks for none."""
    scene = replace(scene, text=scene.wishes)
    for rule in (
        _healing,
        _cron,
        _integrity,
        _killing,
        _cleaning,
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
    text = scene.text
    named = re.search(r"자가(?:치유|복구|회복)|자동(?:치유|복구|조치)|self-?heal|셀프힐", text)
    if named and not re.match(r".{0,4}(?:이력|결과|뭐|란|했|됐|되|하지)", text[named.end() :]):
        return Verdict(action="self_healing_defense")
    thing = re.search(r"디스크|disk|용량|로그|하드|꽉|□", text)
    alone = rf"{_BEYOND}.{{0,20}}(?:{_CLEAN})|(?:{_ALONE}).{{0,8}}(?:{_CLEAN})"
    found = re.search(alone, text)
    if (
        found is None
        or not thing
        or re.match(
            r"(?:하|되|시키)?(?:지(?:마|말|는|도)|[었았했]|했|됐|되나|면|려고|려다|는게|는편|까)",
            text[found.end() :],
        )
    ):
        return None
    return Verdict(action="self_healing_defense")


def _cron(scene: Scene) -> Verdict | None:
    verbs = r"등록|추가|걸어|넣어|만들|생성|설정해|설정바|설정부|신규설정|잡아|add|create"
    found = re.search(
        rf"(?:크론|cron)(?:탭|tab|잡|job)?(?:.{{0,16}}|(?:(?!상태|확인|점검|정상|보고).){{0,40}})(?:{verbs})|(?:add|create|register).{{0,6}}cron",
        scene.text,
    )
    if found is None or re.match(
        r"(?:되|됐|된|해놨|했|해뒀|하지(?:마|말)|방법|절차|한|어놨|어뒀)", scene.text[found.end() :]
    ):
        return None
    return Verdict(action="register_cron")


def _cleaning(scene: Scene) -> Verdict | None:
    text = scene.text
    things = (
        r"로그(?!인|아웃)|(?<![a-z])log|백업(?:된)?파일|파일|디스크|용량|공간|하드|지난(?:건|거|것)"
    )
    nearby = (
        rf"(?:{things}).{{0,24}}(?:{_CLEAN})|(?:clean□*up|clear|delete|purge|compress).{{0,12}}log"
    )
    if not re.search(nearby, text) or re.search(r"엑셀|xlsx|요약|크론|cron|설정파일", text):
        return None
    if re.search(r"정리(?:해서|하여|한거|된거)(?:보|올|줘|주|알)", text):
        return None
    wished = wish_for(_CLEAN, text) is Wish.WANTED
    return Verdict(action="backup_and_clear") if wished else None


def _integrity(scene: Scene) -> Verdict | None:
    pattern = (
        r"(?:기준(?:값|해시|선|점)?(?!일|시간|으로몇)|베이스라인|baseline|정상으로|기준해시|해시값)(?:을|를|으로|좀)?.{0,8}"
        r"(?:재등록|등록|기록(?=해|하|부탁|좀)|새로|초기화|갱신|잡아|생성|만들|업데이트|저장|init|reset|설정해|다시)"
        r"|(?:reset|init).{0,20}baseline"
    )
    found = re.search(pattern, scene.text)
    if found is None or re.search(
        r"대비|비교|[랑과]다른|달라|바뀌|바뀐|승인(?!받|났|나서|됐|떨어)", scene.text
    ):
        return None
    if re.match(r"(?:했|됐|되|한|하지(?:마|말)|방법|절차)", scene.text[found.end() :]):
        return None
    about = re.search(
        r"설정|기준값|베이스라인|baseline|해시|무결성|위변조|기준선|현재|지금|config", scene.text
    )
    return Verdict(action="config_integrity_check", operation="init") if about else None


def _killing(scene: Scene) -> Verdict | None:
    text = scene.text
    whom = (
        r"세션|session|접속(?!장애|불가|지연)|pid(?![a-z])|커넥션|쿼리|로그인|락(?=을|좀|걸|잡|풀|세션|홀더|유발|pid|$)"
        r"|lock|블로킹|블록시|데드락|접속자|프로세스\d|\d번?프로세스|들어와있는"
    )
    near = re.search(
        rf"(?:{whom}).{{0,24}}(?:{_CUT})|(?:kill|terminate|kick).{{0,20}}(?:{whom})", text
    )
    if near is None or wish_for(_CUT, text) is not Wish.WANTED:
        return None
    if re.search(r"계정|방화벽|otp|로그인.{0,6}(?:잠|안되)|티켓", text):
        return None
    shell = re.search(_OF_A_SHELL, text) and not re.search(r"락|쿼리|lock|블로킹", text)
    if re.search(_OF_A_DATABASE, text) and not shell:
        return Verdict(action="check_db_status", operation="kill")
    if re.search(r"(?:풀어|해제|차단|정리)", near.group()) and not re.search(r"세션|pid", text):
        return None
    return Verdict(action="kill_session")


def _rollback(scene: Scene) -> Verdict | None:
    return _wished("rollback", wish_for(ROLLBACK, scene.text))


_RECENT = re.compile(
    r"(?:최근|마지막|지난(?:주|달)?|저번(?:주|달)?|이번(?:주|달)|어제|그제|그저께|금주|\d월)(?:의|에)?(?:배포|반영|패치)(?:건|분)?(?:들)?$"
)


def _deploy(scene: Scene) -> Verdict | None:
    if _RECENT.search(scene.text):
        return None
    verdict = _wished("deploy", wish_for(DEPLOY, scene.text))
    if verdict is not None:
        return verdict
    object_named = scene.files or scene.sr or re.search(_FILES, scene.text)
    here = re.search(
        r"여기(?:에|다|에다)?(?:좀)?올려|결과(?:를)?올려|엑셀|채널에|방에|로그|티켓|장애|라인에|승인",
        scene.text,
    )
    if not object_named or here:
        return None
    return _wished("deploy", wish_for(_PUT, scene.text))


def _backup(scene: Scene) -> Verdict | None:
    text = scene.text
    if scene.layer in ("WEB", "WAS") or re.search(
        r"힙|스레드|쓰레드|메모리덤프|코어덤프|로그(?:를|좀)?백업|크론|백업테이프|백업(?:디렉|경로|서버)",
        text,
    ):
        return None
    nouns = r"백업|덤프|backup|dump|스냅샷"
    if wish_for(nouns, text) is Wish.WANTED and not re.search(r"백업(?:본|파일)(?:으|로)", text):
        return Verdict(action="backup_db")
    return None


def _service(scene: Scene) -> Verdict | None:
    text = scene.text
    restart = _wished("manage_service", restart_wish(text), "restart")
    if restart is not None:
        return restart
    thing = (
        scene.service
        or scene.layer
        or re.search(r"(?:was|web|와스|웹|db|디비|서비스|프로세스|데몬|인스턴스|서버)", text)
    )
    if not thing or re.search(
        r"로그(?!인)|엑셀|파일|결과|채널|방에|여기|다운로드|크론|배치|파이프라인|젠킨스", text
    ):
        return None
    if restart_wish(text) is not Wish.ABSENT:
        return None
    if wish_for(_AGAIN, text) is Wish.WANTED:
        return Verdict(action="manage_service", operation="restart")
    rest = re.sub(RESTART, "▒", text)
    for operation, verb in (("stop", _STOP), ("start", _START)):
        verdict = _wished("manage_service", wish_for(verb, rest), operation)
        if verdict is not None:
            return verdict
    return None
