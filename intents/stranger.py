"""A name that no system of this person has: "홈택스 WAS 재기동해줘" of somebody who has no 홈택스.

Owns: which word of a request stands where a system's name stands and is none. What does not exist
and what this person may not see are the same here: both are simply not in the vocabulary.
"""

from __future__ import annotations

import re

from bot.core.domain.estate import Vocabulary
from intents.aim import says_no_name
from intents.guard import requests_in
from intents.phrase import LONGEST, read_phrase
from intents.resolve import read_slots

_LONGEST = 30  # characters of a name that is said back
_NAMES_A_SYSTEM = re.compile(r"[가-힣a-z0-9]+(?:시스템|포털|홈페이지|누리집|정보망)")
_PLACE = re.compile(
    r"(?:was|web|db|와스|왓스|웹|디비|서버|시스템|노드|운영|개발|스테이징|검증|prod|stage|dev)"
)
_PARTICLE = re.compile(r"(?:에서는|에서|의|은|는|이|가|을|를|쪽)$")
_NAME = re.compile(r"(?=.*[가-힣])[가-힣a-z0-9]{2,}|[a-z][a-z0-9]{2,}")
# Ways in which verbs and adverbs end: "느린데", "급하게", "어제부터", "고장난", "느려지는".
_NO_NAME = re.compile(
    r"그냥|일단|우선|혹시|제발|먼저|당장|즉시|이번|저번|다음|기존|신규|새로운|해당|문제|장애|실제|메인|옆팀"
    r"|.*(?:데|서|고|며|면|요|다|니|까|게|히|네|줘|려|때|후|뒤|중|부터|까지|마다|처럼|보다|라도"
    r"|[지하되나있없가오]는|[죽뻗많같작높낮]은|린|운|쁜|춘|한|된|난|던)"
)


def unknown_system(text: str, vocabulary: Vocabulary) -> str | None:
    """The word that names a system which the vocabulary does not have; None: there is none."""
    live = requests_in(read_phrase(text[:LONGEST]).text)
    slots = read_slots(live, vocabulary)
    if slots.selector.system is not None or slots.offers or slots.rivals:
        return None
    words = re.sub(r"[,.!?~]", " ", slots.masked).split()
    strange = [place for place, word in enumerate(words) if _is_strange(word)]
    for place in strange:
        bare = _PARTICLE.sub("", words[place])
        behind = words[place + 1 : place + 2]
        before_a_place = bool(behind) and _PLACE.match(behind[0]) is not None
        alone = strange == [0] and bool(behind)
        named = _NAMES_A_SYSTEM.fullmatch(bare) is not None
        if named or ((before_a_place or alone) and not _NO_NAME.fullmatch(words[place])):
            return bare[:_LONGEST]
    return None


def _is_strange(word: str) -> bool:
    bare = _PARTICLE.sub("", word)
    return not says_no_name(word) and "□" not in word and _NAME.fullmatch(bare) is not None
