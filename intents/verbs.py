"""Verb and object to action, by rules that a reader can check one by one.

Owns: the ordered table of rules, wish and negation of verbs that change something. Works on text
without spaces in which names of the estate are masked. Must not know targets or parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from intents.times import recurs

RESTART = (
    r"재기동|재시작|리스타트|restart|재가동|껐다켜|껐다가켜|내렸다올|내렸다가올|내렸다가다시올"
)
_DEPLOY = r"배포|반영|디플로이|deploy|패치(?!노트)|릴리즈|업로드"
_PUT = r"올려|올리|적용|교체|업데이트|덮어|넣어|바꿔|갈아"
_ROLLBACK = (
    r"롤백|되돌려|되돌리|원복|원상복구|rollback|(?:이전|전|직전)(?:버전|상태|걸|것)(?:으)?로|복원"
)
_STOP = r"중지|정지|stop|셧다운|내려|꺼줘|꺼라|꺼주|끄|죽여"
_START = r"기동|시작|start|켜|올려|살려"

# What may follow a verb that makes it no wish: past, question, condition, plan, noun.
_NO_WISH = (
    r"(?:은|는|을|를|이|가|도|건|한거|)?(?:했|하였|됐|되었|된|되어|되고|돼있|한(?!다음|뒤|후|번)|하던|하려|할예정|할계획|할때"
    r"|할수|할까|하시죠|하겠|할게|할께|하신|하셨|하면|해야|해도|하나요|하는|되는|되나|될|안되|안돼|이안|이력|내역|기록|현황|히스토리"
    r"|방법|절차|기준|승인|규칙|지시|담당|누가|누구|성공|여부|결과|목록|예정|일정|언제|몇|실패|중(?:이|인|입)|자|이유|왜|필요한|필요하"
    r"|완료|끝|직후|이후|전에|하기|하고나|하니|하래|하라고|해달라|시간|권한|어떻게|방식|란|이란|이뭐|뭐)"
)
_DENIED = (
    r"(?:은|는|을|를|도|까지|까진)?(?:하지(?:는|도)?(?:마|말)|하진(?:마|말)|하지않|안해|안하|않|말고|말아|마(?:라|세요|시)|없이|금지"
    r"|불필요|필요없|필요는없|필요도없|빼고|제외|생략|ㄴㄴ|놉|못하게|시키지(?:마|말)|돌리지(?:마|말)|리지(?:마|말)|지(?:마|말))"
)
_UNLESS = re.compile(
    r"(?:실패|문제|이상|안되|안돼|에러|오류|장애|잘못되|나)[가-힣]{0,6}(?:면|시|경우)(?:에|엔|에는)?,?(?:바로|자동|즉시|자동으로|다시)?$"
)


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
        if re.match(_DENIED, rest) or text[: match.start()].endswith(("무", "비")):
            seen.add(Wish.DENIED)
        elif re.match(_NO_WISH, rest) or _UNLESS.search(text[: match.start()]):
            seen.add(Wish.MENTIONED)
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
    """What the rules look at: squeezed text with names masked, and what surrounds it."""

    text: str
    files: bool = False
    service: bool = False
    mes: bool = False
    layer: bool = False
    sr: bool = False


_MANAGING: tuple[tuple[str, str], ...] = (
    ("list_approval_rules", r"승인(?:규칙|룰|정책|단계|라인|절차).{0,8}(?:보여|목록|알려|뭐|조회|확인|어떻게|리스트|있)|승인누가하"),
    ("set_approval_rule", r"승인.{0,24}(?:규칙|거치|받도록|받게|받아야|필요하|하도록|하게|설정|추가|두명|2명|단계|바꿔|변경)"),
    ("create_ticket", r"(?:티켓|인시던트|장애접수|장애등록|장애신고|itsm).{0,8}(?:끊|등록|발행|만들|생성|열어|접수|올려|부탁|해줘|하나|신고|$)|장애(?:로)?(?:등록|접수|신고)"),
    ("help", r"도움말|help|(?:뭐|뭘|무엇을|무슨일을|어떤걸|어떤일|뭐뭐)(?:를|을)?(?:할수|해줄수|시킬수|부탁할수|물어볼수)|할수있는(?:게|거|일|것|기능)|사용법|사용방법|쓰는법|명령어(?:목록|알려|뭐)|기능(?:알려|목록|뭐|이뭐)"),
    ("list_schedules", r"(?:스케줄|스케쥴|예약|정기(?:작업|실행))(?:된)?(?:작업)?(?:들)?.{0,4}(?:목록|리스트|보여|뭐|알려|조회|현황|있|확인)"),
    ("cancel_task", r"(?:작업|배포|예약|스케줄|스케쥴|요청|j\d{6}-[a-z0-9]{6}|방금(?:거|것|꺼))(?:건|중인거|요청)?(?:을|를|은|도)?(?:좀)?(?:취소|중단|멈춰|철회|스톱)"),
    ("list_tasks", r"(?:진행중인|돌고있는|실행중인|대기중인|걸려있는|승인대기)(?:작업|건|거|것|배포|요청)|작업(?:목록|현황|리스트|상태)|(?:지금|현재)무슨작업"),
    ("run_pipeline", r"파이프라인|젠킨스|jenkins|ansible|앤서블|awx|잡템플릿|빌드(?:돌려|실행|해줘|시작)"),
    ("sr_timeline", r"타임라인|timeline"),
)  # fmt: skip

_READING: tuple[tuple[str, str], ...] = (
    ("link_tx_tracker", r"(?:인터페이스|트랜잭션|송수신|전문|연계|if테이블|□).{0,10}(?:미처리|실패|밀린|밀려|누락|멈춘|멈춰|적체|stuck|처리안|안넘|안간|오류건|에러건)|미처리.{0,6}(?:트랜잭션|건|인터페이스|연계)|트랜잭션.{0,8}(?:확인|조회|추적|몇|상태|봐)"),
    ("esb_channel_monitor", r"(?<!시)큐(?:가|에|는|이|를|도)?(?!브|리|레).{0,14}(?:쌓|적체|깊이|depth|상태|확인|몇|밀|봐|얼마|모니터|건수|길이)|메시지큐|mq|채널.{0,6}(?:리스너|상태|확인|살아|점검|모니터|봐)|리스너"),
    ("ssl_expiry_detector", r"(?:인증서|ssl|tls)(?!.{0,8}(?:갱신(?:방법|절차|어떻게)|교체(?:방법|절차|어떻게)|발급)).{0,20}(?:만료|언제|남|기간|확인|점검|유효|며칠|봐|체크|조회|알려|괜찮)"),
    ("access_guide", r"(?:접속|접근|로그인|들어가|붙|vpn|방화벽|점프서버|배스천|bastion|게이트웨이|otp|키등록|ssh키|계정|권한|인증서|신청|작업|갱신|연락).{0,14}(?:어떻게|방법|절차|가이드|신청|뭐써|뭘써|어디로|어디에|어디서|하려면|매뉴얼|할수있|안내|잠겼|잠김|풀려면)|(?:들어가|접속하|열)려면|(?:잠겼|잠김|잠금)|비번(?:틀|까먹|초기)|야간.{0,6}(?:연락|담당)"),
    ("search_audit", r"감사(?:로그|기록|이력|내역|추적)|(?:누가|누구).{0,14}(?:재기동|재시작|내렸|껐|꺼|중지|기동|켰|롤백|지웠|삭제|죽였|실행|바꿨|변경|했)(?!.*접속)|(?:재기동|재시작|내린|끈|중지|기동|롤백|삭제|실행|변경|작업|승인)(?:한|시킨|했던)?(?:사람|분|놈|게)?(?:이|은|는)?(?:누구|누가)|(?:재기동|재시작|중지|실행|작업)(?:이력|내역|기록)"),
    ("deploy_history", r"(?:배포|반영|릴리즈|패치)(?:된|한|했던)?(?:이력|내역|히스토리|기록|현황|목록|리스트|결과|건수|거뭐|것뭐|게뭐)|(?:뭐|뭘|무엇을|언제|누가|몇번|무슨파일|어떤걸|어떤파일).{0,10}(?:배포|반영|올렸|올라갔|패치)(?:했|됐|되었|한|된|$|야|지|어|나|을)?|(?:배포|반영|패치)(?:했|됐|되었|한|된).{0,14}(?:뭐|언제|누구|몇|있|보여|알려|내역|목록|나|니|\?)|마지막(?:배포|반영).{0,6}(?:언제|뭐|누구|알려|보여)"),
    ("sr_list", r"(?:sr|에스알|서비스요청).{0,14}(?:목록|리스트|뭐|남|현황|조회|밀린|몇|들어온|보여|알려|있|확인|미처리|진행)|(?:남은|밀린|들어온|처리할|내)(?:sr|에스알)"),
    ("cron_health_checker", r"(?:크론|cron|배치)(?:탭|tab|잡|작업|스케줄)?(?:이|은|는|들|가|도|을|를)?(?:다|잘|제대로|제때|모두)?.{0,10}(?:정상|돌고|돌았|도는지|돌아|상태|확인|점검|살아|체크|봐|목록|실행됐|안돈|멈)"),
    ("security_audit", r"보안(?:점검|감사|검사|진단|체크|상태|취약)|취약점|잠긴계정|계정잠(?:금|긴)(?:확인|점검)|(?:열린|열려있는|리스닝|리슨|listen)포트|바이너리.{0,6}(?:변조|변경)"),
    ("list_sessions", r"(?:누가|누구|몇명).{0,8}(?:접속|로그인|들어와|붙어|쓰고)|접속(?:자|중인|한사람|한계정|되어있|돼있)|로그인(?:한|된|중인|되어)|(?:접속|로그인|ssh|터미널)세션|세션(?:목록|리스트|현황|누구)|들어와있(?:는|나|어)"),
    ("check_db_status", r"(?:락|lock|데드락|블로킹|블락|blocking|blocked|커넥션(?!풀설정)|접속수|세션|롱쿼리|슬로우쿼리).{0,16}(?:확인|있|상태|봐|조회|몇|걸|체크|알려|점검|많|보여)|락걸린|(?:db|디비|데이터베이스)(?:서버)?(?:의)?(?:상태|세션|커넥션|락|점검)"),
    ("monitor_resources", r"(?:cpu|씨피유|시피유|메모리|memory|ram|자원|리소스|resource|부하|로드|load|스왑|힙).{0,24}(?:얼마|사용|현황|상태|확인|보여|알려|모니터|체크|봐|어때|조회|몇|점검|높|많|괜찮|어떤|추이|%|$)"),
    ("check_disk_space", r"(?:디스크|disk|용량|파일시스템|filesystem|스토리지|공간|마운트|파티션)(?!.{0,12}(?:정리|비워|확보|삭제|지워)).{0,20}(?:얼마|사용|현황|상태|확인|보여|알려|체크|봐|어때|조회|남|몇|점검|여유|괜찮|부족|찼|%|$)|df-h"),
    ("collect_target_logs", r"(?:로그|log|catalina|카탈리나|스택트레이스|에러내역|오류내역).{0,40}(?:보여|뽑|확인|봐|찾|가져|긁|마지막|tail|추출|수집|조회|검색|있|달라|다운|받|내려|엑셀|정리해|요약|줘|알려|모아|필터|$)|(?:에러|오류|exception|익셉션).{0,12}(?:로그|내역|찾아|뽑)"),
    ("server_info", r"(?:ip|아이피|주소|호스트명|호스트네임|hostname|스펙|사양|계정(?:이)?뭐|접속계정|os버전|운영체제|배포경로|설치경로|담당자|관리자).{0,16}(?:뭐|알려|보여|조회|확인|누구|어떻게돼|몇|궁금|줘|정보|$)|서버(?:들)?(?:의)?(?:정보|목록|리스트|구성|현황|대수|스펙)|(?:서버|노드|장비)(?:가|는|이)?(?:총)?몇(?:대|개)|몇대(?:야|있|인|나)|(?:서버|노드|장비)(?:뭐뭐|어떤거|뭐)있"),
)  # fmt: skip

_HEALTH = r"헬스|health|살아|ping|핑(?:테스트|때려|쳐|좀|한번|날려|체크|확인|해|$)|죽었|죽은|죽어|떠있|떠있는|다운(?:됐|된|되었)|포트(?:체크|확인|열렸|열려)|정상(?:인지|이야|인가|이니|적|맞|여부|동작|작동)|이상(?:없|있)|상태|응답(?:하|있|확인|속도)|접속(?:돼|되|이돼|이되)(?:나|는지|니)"
_INTERNAL = r"(?:톰캣|tomcat|제우스|jeus|jboss|제이보스|웹로직|weblogic|was프로세스|와스프로세스|웹서버(?:랑|와|하고)was|웹(?:이랑|하고|과)와스|web(?:이랑|하고|과)was)"


def decide(scene: Scene) -> Verdict:
    """The action a request asks for."""
    text = scene.text
    for action, pattern in _MANAGING:
        if re.search(pattern, text):
            return Verdict(action=action)
    inner = _changing(scene) or _reading(scene)
    if inner is not None and inner.action and recurs(text):
        return _recurring(inner, text)
    return inner or Verdict(mentioned=_mentions_change(text))


def _recurring(inner: Verdict, text: str) -> Verdict:
    if inner.action in ("register_cron", "cron_health_checker", "sr_list", "deploy_history"):
        return inner
    return Verdict(action="schedule_action", operation=inner.action)


def _reading(scene: Scene) -> Verdict | None:
    text = scene.text
    if scene.mes and re.search(
        r"품질|qc|데이터|실적|작업|공정|생산|검사|디비|db에서|긁어|수율", text
    ):
        return Verdict(action="fetch_mes_qc")
    if re.search(
        r"(?:설정|config|컨피그|구성|파일).{0,10}(?:위변조|무결성|변조|변경(?:됐|된|여부)|기준값|베이스라인|해시|바뀌|바뀐|손댄)|무결성",
        text,
    ):
        return Verdict(action="config_integrity_check")
    if (
        scene.service
        and re.search(r"상태|status", text)
        and not re.search(r"로그|자원|cpu|메모리", text)
    ):
        return Verdict(action="manage_service", operation="status")
    for action, pattern in _READING:
        if re.search(pattern, text):
            return Verdict(action=action)
    if re.search(_HEALTH, text):
        internal = re.search(_INTERNAL, text) or re.search(
            r"(?:was|와스)(?:내부)?상태|내부상태", text
        )
        return Verdict(action="check_internal_was_status" if internal else "check_infra_health")
    return None


def _changing(scene: Scene) -> Verdict | None:
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
    pattern = r"자가치유|자동복구|self-?heal|셀프힐|(?:디스크|용량).{0,16}(?:넘으면|초과하면|차면|이상이면|넘을때|넘어가면).{0,16}(?:정리|비워|삭제|확보|지워|치워)"
    return Verdict(action="self_healing_defense") if re.search(pattern, scene.text) else None


def _cron(scene: Scene) -> Verdict | None:
    pattern = r"(?:크론|cron)(?:탭|tab|잡)?.{0,12}(?:등록|추가|걸어|넣어|만들|생성|설정해|잡아)"
    return Verdict(action="register_cron") if re.search(pattern, scene.text) else None


def _cleaning(scene: Scene) -> Verdict | None:
    pattern = r"(?:로그|log|백업파일|오래된파일|디스크|용량).{0,24}(?:압축|정리해|정리좀|정리부탁|삭제|지워|지우|비워|확보)(?!.{0,3}(?:하지마|하지말|했|됐|한|된))"
    excel = r"엑셀|xlsx|요약"
    if re.search(pattern, scene.text) and not re.search(excel, scene.text):
        return Verdict(action="backup_and_clear")
    return None


def _integrity(scene: Scene) -> Verdict | None:
    pattern = r"(?:기준값|베이스라인|baseline|기준해시|기준선)(?:을|를|으로|좀)?.{0,6}(?:등록|새로|초기화|갱신|잡아|생성|만들|업데이트|다시|저장)"
    if re.search(pattern, scene.text):
        return Verdict(action="config_integrity_check", operation="init")
    return None


def _killing(scene: Scene) -> Verdict | None:
    pattern = r"(?:세션|접속|pid|프로세스|커넥션|쿼리|로그인).{0,16}(?:끊어|끊고|끊자|종료(?:해|시|부탁|$)|kill|킬(?:해|$|좀)|강제종료|죽여|로그아웃)"
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
    named = r"백업(?:을|좀|도|본)?(?:받|떠|뜨|해|실행|돌려|부탁|하나|진행|걸|시작|$|요청|하고)|덤프(?:를)?(?:떠|받|해|뜨)|(?:db|디비)백업"
    if re.search(named, scene.text) and wish_for(r"백업|덤프", scene.text) is Wish.WANTED:
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
