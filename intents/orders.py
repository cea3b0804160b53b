"""What a room tells the bot to be: advising or not, quiet for a while, summing up.

Owns: telling an order about the bot's own behaviour from everything else. An order is a whole
message: a longer sentence is a request, and is read elsewhere.
"""

from __future__ import annotations

import datetime as dt
import re

from bot.core.domain.advice import Order, RoomOrder
from intents.phrase import read_phrase

_ORDER_CHARACTERS = 60
_LONGEST_MUTE = dt.timedelta(days=7)
_PLEASE = r"(?:줘|주라|주세요|주십시오|주시겠어요|줄래|라|요|둬|놔|달라|주시죠)?(?:요)?"
_ADVICE = (
    r"(?:이방(?:에서)?|여기(?:서)?|이제)?(?:선제|사전|자동|장애)?(?:조언|어드바이스|advice|훈수)"
    r"(?:기능|모드|카드)?(?:을|를|은|는|도)?(?:좀|이제|다시|그만)?"
)
_SPAN = (
    r"(?:(?P<number>\d{1,4})(?P<unit>분|시간|일)|(?P<word>하루|반나절|한시간|두시간|삼십분))"
    r"(?:동안|간|만|정도)*"
)
_ON = re.compile(rf"{_ADVICE}(?:켜{_PLEASE}|켜기|on|시작(?:해)?{_PLEASE}|활성화(?:해)?{_PLEASE})")
_OFF = re.compile(
    rf"{_ADVICE}(?:꺼{_PLEASE}|끄기|끄자|off|중지(?:해)?{_PLEASE}|그만(?:해)?{_PLEASE}|하지마{_PLEASE}"
    rf"|비활성화(?:해)?{_PLEASE}|필요없어(?:요)?)"
)
_MUTE = re.compile(
    rf"(?:이방에서|여기서)?(?:좀|잠깐|잠시|당분간|이제)*(?:{_SPAN})?(?:좀|잠깐|잠시)*"
    rf"(?:조용히(?:좀)?(?:해{_PLEASE}|하자|있어{_PLEASE})?|조용|쉿|음소거(?:해{_PLEASE})?|mute)"
)
_SUMMARY = re.compile(
    r"(?:(?:지금|여기|이제)까지(?:의)?|여태|현재|이방|이채팅방|오늘|방금)?(?:나온|한)?"
    r"(?:장애|대화|상황|진행상황|현황|경과|내용|얘기|이야기|회의)?(?:상황|내용|경과|현황)?(?:을|를|만)?(?:좀|간단히|짧게)*"
    rf"(?:요약(?:좀)?(?:해{_PLEASE}|본|부탁(?:해{_PLEASE}|합니다|드립니다|드려요)?)?|summar(?:y|ize|ise))"
)
_WORDS = {"하루": 1440, "반나절": 360, "한시간": 60, "두시간": 120, "삼십분": 30}
_MINUTES = {"분": 1, "시간": 60, "일": 1440}


def read_order(text: str) -> RoomOrder | None:
    """The order, when the whole message is nothing but it: a longer sentence is a request."""
    said = re.sub(r"[\s.,!~?ㅠㅜ^]+", "", read_phrase(text).text)
    if not said or len(said) > _ORDER_CHARACTERS:
        return None
    if _ON.fullmatch(said):
        return RoomOrder(order=Order.ADVISE)
    if _OFF.fullmatch(said):
        return RoomOrder(order=Order.STOP)
    if _SUMMARY.fullmatch(said):
        return RoomOrder(order=Order.SUMMARISE)
    quiet = _MUTE.fullmatch(said)
    return RoomOrder(order=Order.MUTE, span=_span(quiet)) if quiet else None


def _span(match: re.Match[str]) -> dt.timedelta | None:
    if match["word"]:
        return dt.timedelta(minutes=_WORDS[match["word"]])
    if not match["number"]:
        return None
    asked = dt.timedelta(minutes=int(match["number"]) * _MINUTES[match["unit"]])
    return min(asked, _LONGEST_MUTE) if asked else None
