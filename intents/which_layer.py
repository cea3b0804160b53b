"""Questions about which layer is ill: "웹서버가 죽은 건지 톰캣이 죽은 건지".

Owns: telling them from requests about one layer. What is in question is no target: it names
neither of the two.
"""

from __future__ import annotations

import re

_FRONT = r"(?:웹(?:서버|쪽|단)?|web(?:server)?|아파치|apache|nginx|엔진엑스|httpd|웹투비|앞단)"
_BACK = (
    r"(?:was|와스|톰캣|tomcat|제우스|jeus|jboss|제이보스|웹로직|weblogic|db|디비|뒷단|백엔드|엔진)"
)
_ILL = r"(?:인지|은지|는지|[건간]지|인가|은가|[거건]야|거냐|탓|때문|문제|아니면|or|vs)"
_DOUBT = re.compile(
    rf"{_FRONT}(?![0-9])[^.?!0-9]{{0,8}}?{_ILL}[^.?!0-9]{{0,8}}?{_BACK}(?![0-9])[^.?!0-9]{{0,8}}?{_ILL}"
    rf"|{_BACK}(?![0-9])[^.?!0-9]{{0,8}}?{_ILL}[^.?!0-9]{{0,8}}?{_FRONT}(?![0-9])[^.?!0-9]{{0,8}}?{_ILL}"
    rf"|(?:isit|whether)(?:the)?(?:{_FRONT}or(?:the)?{_BACK}|{_BACK}or(?:the)?{_FRONT})"
    rf"|{_FRONT}(?:이랑|랑|하고|과|와|,|/)?{_BACK}(?:중|가운데)(?:에서?)?(?:어느|어디|누가|뭐가|어떤)"
    rf"|{_BACK}(?:이랑|랑|하고|과|와|,|/)?{_FRONT}(?:중|가운데)(?:에서?)?(?:어느|어디|누가|뭐가|어떤)"
)


def asks_which_layer(text: str) -> bool:
    """Whether a text (with or without spaces) asks which of two layers it is."""
    return bool(_DOUBT.search(re.sub(r"\s+", "", text)))
