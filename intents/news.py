"""How Korean tells what was done, is being done, or will be: the endings of news.

Owns: these endings, in every politeness and with every helping verb ("받아놨어요", "해뒀습니다",
"교체해드림", "반영 끝", "할 생각입니다", "하라던데요"). Works on
one sentence. Must not know actions or names.
"""

from __future__ import annotations

import re

from intents.phrase import PAST, WILL, syllables

_REPORT_ENDS = re.compile(
    rf"{PAST}(?:습니다|어요|음|다|네요|네|어|죠"
    r"|지요|답니다|대요|대|구요|고요|는데요?|더라|더라고요?|던데요?)?[\s~^ㅎㅋ!.,ㅠㅜ]*$"
    rf"|{WILL}(?:게|께|래)(?:요)?[\s~^ㅎㅋ!.,ㅠㅜ]*$|{WILL}\s*(?:거예요|거에요|겁니다|예정)(?:이에요|입니다|임)?[\s~^ㅎㅋ!.,ㅠㅜ]*$"
    r"|고\s*있(?:어요|습니다|네요|대요|답니다|음)[\s~^ㅎㅋ!.,ㅠㅜ]*$|(?:더라|더라고요?|더군요|다네요?|대요?|래요|랍니다|답니다)[\s~^ㅎㅋ!.,ㅠㅜ]*$"
    r"|(?:느립니다|느려요|느려졌|이상해요|이상합니다|안\s*됩니다|안\s*돼요|안\s*되네요|심해요|많아요|많습니다)[\s~^ㅎㅋ!.,ㅠㅜ]*$"
    r"|(?:로|은|는)\s*(?:연기|보류|미정)[\s~^ㅎㅋ!.,ㅠㅜ]*$|라고.{0,12}(?:나옴|찍혀|찍힘|뜸|적혀)"
    r"|(?:되겠네요?|했으면\s*좋겠네요?|기로\s*(?:하시죠|합시다|했))[\s~^ㅎㅋ!.,ㅠㅜ]*$"
    r"|(?:완료|(?<!강제)(?<!세션)(?<!세션 )(?<!\d )(?<!\d번 )종료|성공|실패)(?:입니다|함"
    r"|요|임|했음)?[\s~^ㅎㅋ!.,ㅠㅜ]*$"
    r"|(?:할게요?|할께요?|하겠습니다|하겠음|할\s*예정|할\s*예정입니다|예정이에요|하시죠"
    r"|하시지요|합시다|중입니다|중이에요|중임|중이야|할\s*겁니다"
    r"|할\s*거예요|하려고\s*(?:합니다|해요|함)|해야겠|하라고\s*(?:합니다|하네요|했"
    r"|하셨).*|한대요?|한다고\s*.*"
    r"|하래요?)[\s~^ㅎㅋ!.,ㅠㅜ]*$"
)
_END = r"[\s~^ㅎㅋ!.,ㅠㅜ]*$"
# Nominal forms that stand for a sentence: "받아둠", "교체해드림"; "다음" and "이름" are none.
_DONE = re.compile(
    rf"{PAST}(?:음요|잖아요?|거든요?|다구요?|는걸요?|다더라구?요?|으니\s*(?:참고|안심|걱정)\S*(?:\s*\S{{1,6}})?){_END}"
    rf"|(?:[해돼와둬뒀놔워져려켜써]|[가-힣]아|[가-힣]어)?(?:둠|드림|놓음|버림){_END}"
    rf"|(?:[가-힣](?:함|됨)|[가-힣]\s*(?:다시|도로|새로)\s*(?:올림|내림|켬|끔|띄움)|내려감|올라감|올라옴|나감|끝남|없음|않음|살아남){_END}"
    rf"|(?<![가-힣])끝(?:요|임|이에요|이요|입니다|났[가-힣]{{1,4}}|냈[가-힣]{{1,4}}|남)?{_END}"
    rf"|완료(?:됐|되었|했|하였)?(?:요|이요|임|됨|함|입니다|이에요)?{_END}"
    rf"|[가-힣]네요{_END}"
    rf"|{WILL}\s*(?:생각|계획|작정|참|셈|모양)(?:이에요|이예요|입니다|이다|임|이고요|이라서요)?{_END}"
    rf"|{WILL}까\s*(?:합니다|해요|함|생각\s*중[가-힣]*){_END}|려고\s*(?:했[가-힣]+|합니다|해요|하는데요?|함)?{_END}|려구요{_END}"
    rf"|(?:[가-힣]다|[가-힣]자|[가-힣]라)(?:네요|십니다|시네요|셔요|더라고요?|던데요?|더군요|면서요|하네요|하시네요|합니다)\??{_END}"
    rf"|해야(?:겠|될|할)[가-힣\s]{{0,8}}{_END}"
    rf"|(?:되어|돼|져|[가-힣]해)\s*있(?:어요|음|거든요?|는\s*상태[가-힣]*){_END}|것\s?같(?:아요|은데요?|네요|아|음){_END}"
)
# "내리면 큰일나요", but not "해주시면 안 될까요".
_WARNS = re.compile(
    r"(?<!주)(?<!주시)(?:면|다간|다가는|다가)\s*(?:정말|진짜|다|또|절대|아주)?\s*(?:큰일|곤란|난리|혼나"
    r"|망(?:해|합|하)|안\s*(?:돼|됩|되)(?!나|겠|까|요\?))(?!.*(?:줘|주세요|주십|주시|부탁|바랍))"
)
# What the speaker means to do is asked of nobody else; "부탁드릴게요" is.
_PROMISE = re.compile(
    rf"(?:제가|내가|저희가|우리가|저희\s?쪽에서|우리\s?쪽에서)(?:(?![서데까라고]\s)[^,.])*(?:{WILL}[게께](?:요)?|겠습니다|겠어요|{WILL}\s*(?:거예요|예정입니다|겁니다|생각입니다)){_END}"
    rf"|(?<!부탁 )(?<!부탁좀 )(?<!부탁 좀 )(?<!부탁 하나 )(?<!부탁하나 )"
    rf"(?<!부탁)(?<!부탁드)(?<!부탁 드)(?<!요청)(?<!요청드)(?<!요청 드)(?<!여쭤)"
    rf"(?<!여쭈어)(?<!문의드)(?<!신청)(?<!신청드){WILL}[게께]요?{_END}"
)
# "담당자만 지웁니다": who states something so formally asks for nothing, unless it is a wish.
_STATES = re.compile(
    rf"(?<!으면 )(?<!으면)(?<!려고 )(?<!려 )(?!(?:입|랍|겠|싶)니다)"
    rf"{syllables(17, but='입랍싶')}니다{_END}"
)
_WISHES = re.compile(
    r"(?:바랍|필요\s*없|해도\s*됩|않아도\s*됩|주시면\s*(?:됩|좋|고맙|감사)|부탁|의뢰\S{0,2}|요청\S{0,2}|신청\S{0,2}|문의\S{0,2}|건의\S{0,2}|필요|원|희망|급|궁금|시급|여쭙|여쭤\s?봅|싶습|겠습|감사|고맙|죄송|미안)\s?[가-힣]{0,3}니다"
)
_FINE = re.compile(
    r"(?:지금은?|이제는?|이젠|현재는?|다시)\s*(?:다|모두|잘|전부)?\s*(?:정상|괜찮|멀쩡|이상\s*없|문제\s*없|돼요|됩니다|떠요|붙어요|열려요|나와요)"
    rf"(?:(?!주|줘|부탁|바랍|확인|는지|은지|인지)[가-힣\s])*(?:요|다|음){_END}"
)
# "정리해드렸으니 다시 접속해보세요": people are told to go on.
_GO_ON = re.compile(
    rf"(?:드렸|놨|놓았|뒀|두었|했|시켰|끝났|마쳤|고쳤|풀었|풀렸|올렸)(?:으니|으니까|는데|고)\s(?!.*(?:주세요|줘|주십|주시|부탁|바랍))"
    rf".*(?:보세요|보셔요|보시죠|하세요|쓰세요|보십시오|하시면\s*(?:됩니다|돼요)|보시면\s*(?:됩니다|돼요)){_END}"
)
_LOG_LINE = re.compile(
    r"^\s*(?:(?:[a-z]\w*\.)+\w*(?:exception|error)\b"
    r"|(?:tail|nohup|bash|grep|java|ls):\s|caused by:|exception in thread|at [\w.$]+\("
    r"|\d\d:\d\d:\d\d[.,]\d"
    r"|\[?(?:error|warn|info|debug|fatal|trace)\b)[^가-힣]*$"
)
# "배포하면 끊긴다며?": what others say.
_HEARSAY = re.compile(
    rf"[가-힣]다(?:며|면서)(?:요)?\??{_END}|[가-힣](?:다|라)던데요?\??{_END}"
    rf"|[가-힣](?:다|라)던데요?[\s,]*(?:들으셨|들었|아세요|아시|맞[아나는죠지]|진짜|사실|정말)[가-힣\s]*\??{_END}"
    # "백업은 매일 자동으로 돌아요": how things are.
    rf"|(?:자동|알아서|매일|매주|항상|원래|평소)[^?]{{0,16}}(?:돌아요|돌아가요|돌죠|도는데요?|돼요|받아져요|떠져요|걸려\s*있어요){_END}"
)
# "한다고 하지 않았나?", "누가 하기로 했죠?", "하는 걸로 하죠 뭐": what others have agreed on.
_AGREED = re.compile(
    rf"[다라자냐]고\s*(?:하지\s*않으?셨?(?:았|었)?|안\s*했|안\s*하셨|했던|그러지\s*않았|들었던)[가-힣]{{0,4}}\??{_END}"
    rf"|기로\s*(?:했|하셨|되어|돼|되었|됐|한\s*거)[가-힣\s]{{0,6}}\??{_END}"
    rf"|(?:는|은)\s*(?:걸|것으|거)로\s*(?:하죠|하시죠|하지요|합시다|하자|했[가-힣]+|알고\s*있[가-힣]+|정했[가-힣]+|됐[가-힣]*)(?:\s*뭐)?\??{_END}"
)
_MUSES = re.compile(rf"야\s*(?:하|되)지\s*않(?:을까|나|아)(?:요)?\??{_END}")
# A log that is quoted: "이렇게 찍혀 있네요: …".
_QUOTES = re.compile(rf"(?:네요|어요|습니다|니다|음|데요?|요)\s*[:：]\s*▒[\s▒]*{_END}")
_WHATEVER_IS_ASKED = (
    _PROMISE,
    _QUOTES,
    _WARNS,
    _FINE,
    _GO_ON,
    _LOG_LINE,
    _HEARSAY,
    _AGREED,
    _MUSES,
)


def tells(sentence: str) -> bool:
    """Whether a sentence is news whatever words of asking stand in it."""
    if any(each.search(sentence) for each in _WHATEVER_IS_ASKED):
        return True
    return bool(_STATES.search(sentence)) and not _WISHES.search(sentence)


def ends_as_news(sentence: str) -> bool:
    """Whether a sentence ends as news do, unless something is asked in it."""
    return bool(_REPORT_ENDS.search(sentence) or _DONE.search(sentence))
