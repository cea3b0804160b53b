"""Node numbers in a text: "1, 2번", "1~3번", "WAS #2", "일번기", "2번 빼고", "두 대 다".

Owns: which numbers name nodes and which are times, counts or ids. Must not know the estate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NO_NUMBERS = re.compile(
    r"sr-?\s?\d{4}-\d+|\d{4}[-./]\d{1,2}(?:[-./]\d{1,2})?|\d{1,3}(?:\.\d{1,3}){3}|\d+\.\d+"
    r"|pid\s*(?:번호)?\s*[:=#은는이가]?\s*\d+|\b\d{2,}\s*번?\s*(?:pid(?!\s*[:=#은는이가]?\s*\d)|(?:프로세스|세션)(?!\s*(?:pid|번호)?\s*[:=#]?\s*\d)|포트)|포트\s*\d+"
    r"|\d+\s*(?:월|일|시|분|초|주|개월|년|줄|라인|lines?|%|퍼센트|프로|건|개|회|차|명|단계|gb|mb|kb|days?|hours?)"
    r"|\d+\s*번\s*(?:더|이상|연속|시도|정도|반복|이나)|j\d{6}-[a-z0-9]{6}|http\S+"
)
_MARK = r"\s*(?:번\s*기|번째|번|호기|호)"
_SEPARATOR = (
    r"(?:\s*(?:,|/|·|및|와|과|이랑|랑|하고|그리고|and|&|\+|~|-|부터|에서)\s*"
    r"|\s+(?=#\d)|(?<=\d)\s+(?=\d{1,2}(?![\w.:/%-]))|\s+(?=\d{1,3}\s*(?:번|호))|(?<=[번기호])(?=\d{1,3}\s*(?:번|호)))"
)
_AGAIN = r"(?:(?:was|web|db|와스|웹|디비|서버|노드)\s*[-_#]?\s*)?"
_ONE = rf"{_AGAIN}#?\d{{1,3}}(?!\d)(?:{_MARK}(?:\s*(?:서버|노드))?)?"
_LIST = rf"{_ONE}(?:{_SEPARATOR}{_ONE})*"
_BEHIND_A_WORD = re.compile(
    rf"(?:was|web|db|와스|웹|디비|서버|노드|node|server)(?:\s*(?:서버|노드))?\s*[-_#]?\s*(?P<list>{_LIST})"
    rf"|#\s*(?P<hash>{_LIST})"
)
_WITH_MARK = re.compile(rf"(?<![\w.-])(?P<list>{_LIST})")
_SPOKEN = {
    "일": 1,
    "이": 2,
    "삼": 3,
    "사": 4,
    "오": 5,
    "육": 6,
    "칠": 7,
    "팔": 8,
    "구": 9,
    "십": 10,
}
# Where a spoken number may begin: at a word of its own, or right behind what it counts.
_APART = r"(?:(?<![가-힣])|(?<=와스|디비|서버|노드)|(?<=웹))"
_ORDINAL = {"첫": 1, "두": 2, "세": 3, "네": 4, "다섯": 5}
_COUNTS = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6}
_COUNT = re.compile(r"(한|두|세|네|다섯|여섯|\d{1,2})\s*대(?=\s|$|만|씩|다|모두|전부|를|의|에)")
_NOT_THESE = re.compile(
    rf"(?:{_MARK})?\s*(?:서버|노드)?\s*(?:은|는|을|를|도|이(?!외)|가|만(?!\s*(?:말고|하지|아니)))?\s*"
    r"(?:,?\s*(?:아|앗|어)?\s*아니(?=\s*(?:was|web|db|와스|웹|디비)?\s*#?\d)|빼고|빼|뺀|제외|말고|놔|두고|그대로|건드리지|하지\s*(?:마|말)|냅|아니|아닌|이?외(?:에|의|\s|$))"
)
_OUT_OF = re.compile(rf"(?:{_MARK})?\s*(?:서버|노드)?\s*(?:들)?\s*(?:중|가운데)(?:에서|에|의)?\s")
_ONLY = re.compile(rf"(?:{_MARK})?\s*(?:서버|노드)?\s*만(?![가-힣])")
_NOT_ONLY = re.compile(rf"(?:{_MARK})?\s*(?:서버|노드)?\s*만\s*(?:말고|하지\s*(?:마|말)|아니)")
_EITHER = re.compile(
    r"(?<![\d-])\d{1,2}\s*번?\s*(?:or|또는|이나|혹은|아니면)\s*(?:was|web|db|와스|웹|디비|서버|#)?\s*#?\d"
)
# "2번 빼고 나머지": who is left out says who the rest are.
_THE_REST = re.compile(
    r"(빼고|빼놓고|빼|제외하고(?:는)?|제외한|제외|말고(?:는)?|이?외(?:에|의)?|두고)\s*"
    r"나머지(?!\s*(?:중|하나|한\s*대|[은는]?\s*(?:그대로|놔|두|냅|내일|나중|이따|건드리|하지)))"
)
_LONGEST_RANGE = 50
_VAGUE = re.compile(
    r"홀수|짝수|절반|반만|한쪽|나머지|하나만|일부|아무\s*(?:거나|데나)|번갈아|중\s*하나"
)
# Something stands where a number does, and it is none: without a question it would mean all nodes.
_NO_NUMBER = re.compile(
    r"▒\s*(?:번(?!호)|호기)|\d\.\d+\s*(?:번|호기)|\d[a-z]\w*\s*(?:번(?!호)|호기)"
    r"|(?<![a-z0-9가-힣-])[a-z?*]\s*(?:번(?!호)|호기)|(?![0-9])\d"
    r"|(?<![a-z가-힣])(?:null|none|nan|undefined|몇(?!\s*번\s*(?:을?\s*(?:말|얘기|물어|요청|부탁)|이나|이고|씩))|첫|[\u4e00-\u9fff]{1,3}|[일이삼사오육칠팔구십]{2,3})"
    r"\s*(?:번(?!호|째|\s*기)|호기)"
    r"|(?:was|web|db|와스|웹|디비|서버|노드)\s*(?:서버|노드)?\s*[-_#]?\s*(?:\.?\*|\[|\(\.|%)"
)
# Some of the nodes, told in words that no number can be made of.
_SOME = re.compile(
    r"(?:마지막|맨\s*(?:끝|뒤|앞|처음)|문제\S{0,2}\s*(?:있는|난|생긴|된)|(?:장애|이상|에러|오류)\s*(?:있는|난|나는|생긴)"
    r"|죽은|뻗은|멈춘|내려간|느린|안\s*되는|먹통\S?)\s*(?:번호|서버|노드|거|것|걸|꺼|놈|애|쪽|대|와스|인스턴스)"
    r"|(?:첫|두|세|네|다섯)\s*번째\s*(?:거|것|걸|꺼|놈|애)|(?:첫|둘|셋|넷)째(?!\s*(?:주|날|토|일|월|화|수|목|금))"
    r"|(?<![a-z0-9가-힣-])[a-z]\s*(?:서버|노드)|\d\s*(?:번|호기)\s*부터(?!\s*(?:was|web|db|와스|웹|디비)?\s*#?\d)"
    r"|\b(?:except|excluding|without|not|other\s+than)\s+(?:for\s+)?(?:was|web|db|node|server|number|no\.?)?\s*#?\d"
    r"|\b(?:first|second|third|last|other|faulty|broken|dead|failing)\s+(?:was|web|db|node|server|instance|one)\b"
    r"|\b(?:one|any|some|half)\s+of\b"
)
_ENDS_SOMEWHERE = re.compile(r"\d\s*(?:번|호기)\s*까지")
_BEGINS = re.compile(r"부터|에서|~|-")
_LEFT_OVER = re.compile(
    r"(?<![\d-])(?<!세션)(?<!세션 )(?<!pid)(?<!pid )(?<!프로세스 )(?<!번호 )(?<!티켓 )(?<!작업 )"
    r"\d+\s*(?:번(?!호)|호기)"
)
# "와스 이번 재기동": the second, or this time.
_THIS_OR_SECOND = re.compile(
    r"(?:와스|왓스|(?<![a-z])was|웹|(?<![a-z])web|디비|(?<![a-z])db)\s*이번\s*(?:재|내려|올려|껐|끄|중지|종료|기동|시작|살려|죽|$)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Node numbers that are meant, that are excluded, and how many nodes a count speaks of.

    ``vague``: some nodes are meant and the text does not say which, or says it in two ways.
    """

    wanted: tuple[int, ...] = ()
    excluded: tuple[int, ...] = ()
    count: int | None = None
    vague: bool = False


def find_numbers(text: str) -> Numbers:
    """The node numbers of a text in which names that hold digits are already masked."""
    counted = _COUNT.search(text)
    count = _counted(counted.group(1)) if counted else None
    text = _spoken_as_digits(text)
    vague = bool(_VAGUE.search(_THE_REST.sub(r"\1 ", text)))
    unread = any(each.search(text) for each in (_NO_NUMBER, _THIS_OR_SECOND, _SOME))
    unread = unread or bool(_ENDS_SOMEWHERE.search(text) and not _BEGINS.search(text))
    text = _COUNT.sub(" ", text)
    if _EITHER.search(text):
        return Numbers(vague=True)
    text = _NO_NUMBERS.sub(" ▒ ", text)
    groups: list[tuple[int, ...]] = []
    only: list[tuple[int, ...]] = []
    excluded: set[int] = set()
    matches = _matches(text)
    unread = unread or _has_left_over(text, matches)
    for match in matches:
        rest = text[match.end() :]
        numbers = tuple(_expanded(match["hash"] if _is_hash(match) else match["list"]))
        if not numbers:
            unread = True
        elif _OUT_OF.match(rest) or _NOT_ONLY.match(rest):
            vague = True
        elif _NOT_THESE.match(rest):
            excluded.update(numbers)
        else:
            (only if _ONLY.match(rest) else groups).append(numbers)
    if unread:
        return Numbers(vague=True)
    chosen = {tuple(sorted(set(group) - excluded)) for group in only or groups} - {()}
    if len(chosen) == 1:
        wanted = chosen.pop()
        return Numbers(wanted=wanted, excluded=tuple(sorted(excluded)))
    return Numbers(excluded=tuple(sorted(excluded)), count=count, vague=vague or bool(chosen))


def _is_hash(match: re.Match[str]) -> bool:
    return match.re is _BEHIND_A_WORD and bool(match["hash"])


def _matches(text: str) -> list[re.Match[str]]:
    found = list(_BEHIND_A_WORD.finditer(text))
    taken = [match.span() for match in found]
    for match in _WITH_MARK.finditer(text):
        free = all(match.end() <= start or match.start() >= end for start, end in taken)
        if free and re.search(_MARK, match["list"]):
            found.append(match)
    return found


def _has_left_over(text: str, matches: list[re.Match[str]]) -> bool:
    """Whether a number that names a node was not read: "1번아니고2번도아니고", "1000번"."""
    for match in matches:
        text = text[: match.start()] + "□" * len(match.group()) + text[match.end() :]
    return bool(_LEFT_OVER.search(text))


def _expanded(listed: str) -> list[int]:
    """The numbers of a list; none where one of them is no node's number."""
    numbers: list[int] = []
    ranged = False
    for piece in re.findall(r"\d+|~|-|부터", re.sub(r"[a-z가-힣]\s*-\s*(?=\d)", " ", listed)):
        if not piece.isdigit():
            ranged = bool(numbers)
            continue
        number = int(piece)
        if number == 0 or (ranged and number > numbers[-1] + _LONGEST_RANGE):
            return []
        if ranged and numbers[-1] < number:
            numbers += range(numbers[-1] + 1, number)
        ranged = False
        numbers.append(number)
    return numbers


def _counted(word: str) -> int:
    return _COUNTS[word] if word in _COUNTS else int(word)


def _digit(match: re.Match[str]) -> str:
    return str(_SPOKEN[match.group()])


def _spoken_as_digits(text: str) -> str:
    text = re.sub(
        rf"{_APART}([일이삼사오육칠팔구십])\s*(?=번\s*기|호기)",
        lambda match: str(_SPOKEN[match[1]]),
        text,
    )
    text = re.sub(
        r"((?:와스|왓스|(?<![a-z])was|웹|(?<![a-z])web|디비|(?<![a-z])db)\s*)이번(?=\s*(?:서버|노드|만|에|톰캣))",
        r"\g<1>2번",
        text,
    )
    # "이번" alone is "this time"; in a list with another number it is the second.
    text = re.sub(
        r"(?<![가-힣])이번(?=\s*(?:이랑|하고|과|,|및|그리고)\s*(?:[일삼사오육칠팔구]번|\d{1,2}\s*번))",
        "2번",
        text,
    )
    text = re.sub(
        r"(?:(?<=\d번)|(?<=[삼사오육칠팔구]번))(\s*(?:과|이랑|하고|,|및|그리고)\s*)이번",
        r"\1 2번",
        text,
    )
    text = re.sub(r"(?<![가-힣])일번([\s,]*(?:과|이랑|랑|하고)?[\s,]*)이번", r"1번\1 2번", text)
    text = re.sub(
        r"(?:(?<=와스|디비|서버|노드)|(?<=웹))([일삼오육칠팔구])번((?:[일이삼사오육칠팔구]번)*)",
        lambda match: re.sub("[일이삼사오육칠팔구](?=번)", _digit, match.group()),
        text,
    )
    text = re.sub(
        r"(?<![가-힣])([일삼오육칠팔구])번(?=[\s,과이을에만]|서버|$)",
        lambda match: f"{_SPOKEN[match[1]]}번",
        text,
    )
    return re.sub(
        r"(?<![가-힣])(첫|두|세|네|다섯)\s*번째(?=\s*(?:서버|노드|was|web|db|와스|웹|디비|빼|제외|말고|만))",
        lambda match: f"{_ORDINAL[match[1]]}번",
        text,
    )
