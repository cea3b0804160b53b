"""Messages whose end says that nothing is to be done after all, or that do nothing but forbid.

Owns: "재기동해줘… 아 아니다 하지마 내가 직접 할게" and "로그 지우지 마!": what is taken back in the
same message was not asked for. Must not know what was asked, or earlier messages.
"""

from __future__ import annotations

import re

from intents.phrase import sentences

_NO = (
    r"(?:아니(?:다|야|에요|요|ㅇ)?|아냐|아뇨|아닙니다|됐(?:다|어요?|습니다|고요?|음)"
    r"|취소(?:요|할게요?|합니다|해요)?|잠깐만요?|잠시만요?|스톱|no|nvm|wait)"
)
_OFF = (
    r"(?:(?:취소|보류|무시|패스)(?:해|하|요|할|부탁|$|[\s.!,~])\S*|(?:안|않아도)\s*(?:해도|하셔도|하는|돼도)\s*\S*"
    r"|[가-힣]{0,6}지\s*(?:마(?![가-힣]{2,}\s)|말(?!고))\S*(?:\s*(?:주|줘)\S*)?|필요\s*없\S*"
    r"|(?:할|볼|처리할|돌릴|내릴|올릴|해볼|확인할)(?:게|께|래)\S*|하겠습니다|없던\s*(?:일|걸|거)\S*(?:\s*(?:해|하)\S*)?"
    r"|괜찮(?:아|습|네)\S*|(?:그대로\s*|그냥\s*|내버려\s*|놔\s*)?(?:두세요|두시죠|둬요?|둘게요?|두자|놔둬\S*)|잊어\S*(?:\s*주\S*)?|됐(?:다|어요?|습니다|음)|nvm|never\s?mind|forget\s+it|don'?t(?:\s+do\s+it)?|cancel(?:\s+that)?)"
)
_BESIDES = (
    r"(?:아+|앗|어+|음+|참|헉|근데|그냥|제가|내가|저희가|우리가|저희|우리|이건|그건|이거|그거|직접|나중에|다음에|이따가?|따로|일단"
    r"|다시|지금은?|아직|좀|더|그|방금\s*(?:거|건|말|요청)(?:은)?|미안\S*|죄송\S*|실수\S*|잘못\s*\S+|여기\S*|말고|상황|보고|보고요|생각해\s*보고"
    r"|i'?ll\s+do\s+it(?:\s+myself)?|sorry|actually|please|pls)"
)
_LONGEST_END = 120  # characters: so much of a message is looked at, whatever is in it
_BETWEEN = r"[\s.,!~?…ㅋㅎㅠㅜ;^-]"
_TAKEN_BACK = re.compile(
    rf"(?:[가-힣a-z][\s.,!~?…ㅋㅎㅠㅜ;^-]+)(?:(?:아+|앗|어+|음+|참|헉|근데){_BETWEEN}+)?"
    rf"{_NO}(?:{_BETWEEN}+(?:{_NO}|{_BESIDES}|{_OFF}))*?{_BETWEEN}+{_OFF}"
    rf"(?:{_BETWEEN}+(?:{_NO}|{_BESIDES}|{_OFF}))*{_BETWEEN}*$"
)
_SAYS_NO = re.compile(
    rf"(?:줘요?|주세요|주십시오|주라|부탁\S*|해요?|하세요|해라|바랍니다|바람|ㄱㄱ){_BETWEEN}+"
    rf"(?:아+|앗|어+|음+|참|헉)?{_BETWEEN}*(?:(?:취소|무시|패스|보류)\S*|아니다|됐다|됐어요?|nvm|never\s?mind|forget\s+it|없던\s*(?:일|걸|거)로\s*\S*)"
    rf"(?:{_BETWEEN}+(?:{_BESIDES}|{_OFF}))*{_BETWEEN}*$"
)
_FORBIDS = re.compile(
    r"지\s*(?:는|도)?\s*(?:마|말)(?:아|라|요|세요|셔요|시오|십시오|시고|자|자고요?|지|라고요?|라니까요?|아요|라구요|시라고요|세용|쇼)?"
    r"(?:\s?(?:주|줘)\S*(?:\s*\S{1,8}(?:다|요))?)?[\s!.~ㅠㅜㅋㅎ?^]*$"
    r"|(?:안|않아도)\s*\S{1,6}도\s*(?:된|돼|되)[가-힣\s]*[\s!.~ㅠㅜㅋㅎ?^]*$"
)
# "감사 걸려있어": why it is forbidden.
_REASON = re.compile(
    r"(?:(?:걸려|남아|돌고|쓰고|보고|하고)\s*있(?:어|어요|음|다고요?|단\s*말\S*)"
    r"|(?:중|건|예정)(?:이야|이에요|임|입니다|이라고요?)|니까요?|거든요?|때문에요?)[\s!.~ㅠㅜㅋㅎ^]*$"
)
# What else is wanted, or which servers are left out of it, stands before the ban.
_AND = re.compile(
    r"줘|주세요|주시|주십|부탁|바랍|[하주치리우끄받떠놓두보히]고[\s,]|하되|되,|지만|는데|뒤에|다음에|말고|\d\s*번|나머지|만\s"
)


def is_taken_back(text: str) -> bool:
    """Whether the end of a message calls off what it asked for."""
    end = text[-_LONGEST_END:]
    return bool(_TAKEN_BACK.search(end) or _SAYS_NO.search(end))


def only_forbids(live: str) -> bool:
    """Whether nothing but bans stands in a text that is without its news."""
    parts = sentences(live)
    bans = [part for part in parts if _FORBIDS.search(part) and not _AND.search(part)]
    return bool(bans) and all(part in bans or _REASON.search(part) for part in parts)
