"""What a message shows or takes back rather than says: fences, strikes, other people's words.

Owns: leaving these out, or saying them as the refusal that they are. Pure; knows no names.
"""

from __future__ import annotations

import re

_SHOWN = re.compile(
    r"'''.*?(?:'''|\Z)|\"\"\".*?(?:\"\"\"|\Z)|(?<![~\w])~~(?=[^\s~])[^\n~]*(?<=[^\s~])~~(?!~)|<(del|s|strike|q|blockquote)>.*?(?:</\1>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# "look over the text below": what stands below it is to be looked at.
_BELOW = re.compile(
    r"^([^\n]*(?:아래|다음|밑)\s*(?:의\s*)?(?:내용|문장|글|메일|로그|문구|텍스트|에러|오류|대화)[^\n]*"
    r"(?:요약|번역|분석|교정|맞춤법|해석|설명|읽어)[^\n]*)\n.*",
    re.DOTALL,
)
_LETTER = re.compile(
    r"^[ \t]*(?:메일|문자|카톡|쪽지|메신저|공문|전화)\s*(?:내용|본문|원문)\s*[:：].*",
    re.DOTALL | re.MULTILINE,
)
_ABOUT_WORDS = re.compile(
    r"^[^\n]*(?:이라는\s*(?:말|단어|문장|표현|문구)(?![^\n]*(?:찾|검색|있는지|나오는지|있나))|라고\s*(?:말|얘기|이야기)하면\s*(?:안|어떻))[^\n]*$",
    re.MULTILINE,
)
# In the compatible form and in the one that they have after normalisation.
_TAKEN_BACK = re.compile(
    r"(?:(?<=\s)[xX×✕✖❌]|[❌🚫⛔✖✕🙅]|(?<=[\s,.])(?:[ㄴᄂ]{1,9}|노노|놉|취소함)"
    r"|하?라는\s*(?:건|것은|거는)?\s*(?:농담|장난)\S*|(?:농담|장난)(?:이야|이에요|입니다|임|이었\S*))"
    r"[\ufe0f\s~!.ㅋㅎ]*$"
)


_CALLED_OFF = re.compile(
    r"\b(?:cancel|abort|call\s+off|hold\s+off(?:\s+on)?)\s+(?:the\s+|that\s+|any\s+)?"
    r"(?=(?:re)?(?:start|boot|deploy|stop|roll)|shut)",
    re.IGNORECASE,
)


def without_shown(text: str) -> str:
    """The message without what is only shown in it; a wish that is taken back is one no more."""
    said = _BELOW.sub(r"\1", _SHOWN.sub(" ", text))
    said = _ABOUT_WORDS.sub(" ", _LETTER.sub(" ", said))
    return _TAKEN_BACK.sub(" 하지마", _CALLED_OFF.sub("do not ", said))
