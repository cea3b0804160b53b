"""What must not be read by everybody: addresses, passwords, tokens, resident numbers, phones.

Owns: masking of free text before it is shown in chat or written to the audit. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

_MASK = "●●●"
# Full-width letters, digits and points, and dashes of all lengths: people read them as the others.
_FOLDED = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    ord("。"): ".",
}
_NAMES = (
    r"(?:(?<![a-z])pass|(?<![a-z])pw|password|passwd|passphrase|pwd|secret|token|api[_-]?key"
    r"|(?:secret|access|private)[_-]?(?:access[_-]?)?key(?:[_-]?id)?|credentials?|authorization"
    r"|jsessionid|비밀번호|비번|패스워드|암호)"
)
_POINT = r"(?:\.|\[\.\]|\(\.\)|\[dot\])"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # a header of cookies, whole
    (re.compile(r"(?i)(\b(?:set-)?cookie\s?:\s?)[^\n\"']+"), rf"\1{_MASK}"),
    # key=value, key: value and "key": "value" of anything whose name ends like a secret's:
    # DB_PASSWORD, accessToken and client-secret as well
    (
        re.compile(
            rf"(?i)({_NAMES}\\{{0,3}}[\"']?)"
            r"(\s*(?::=|=>|[=:])\s*|\s+is\s+)"
            r"(?:\\{1,3}\"[^\"\\\n]*(?:\\{1,3}\")?|\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?"
            r"|[|>][+-]?[ \t]*\n[ \t]*\S+|(?:bearer\s+|basic\s+)?[^\s,;&'\"]+)"
        ),
        rf"\1\2{_MASK}",
    ),
    # name="db.password" value="…", <password>…<, <entry key="db.password">…<
    (
        re.compile(rf"(?i)({_NAMES}[\"']\s{{1,3}}value\s?=\s?)[\"'][^\"'\n]*[\"']?"),
        rf'\1"{_MASK}"',
    ),
    (re.compile(rf"(?i)({_NAMES}[\"']?>)(?=[^\s<])[^<\n]+"), rf"\1{_MASK}"),
    # programs that take it on their command line
    (re.compile(rf"(?i)(--?[a-z-]{{0,20}}{_NAMES}[ =]\s*)[^\s-]\S*"), rf"\1{_MASK}"),
    (re.compile(r"(?i)(\bsshpass\s+-p\s*)\S+"), rf"\1{_MASK}"),
    (re.compile(r"(?i)(\bmysql[a-z]*\s[^\n]{0,200}?(?<=\s)-p)[^\s-]\S*"), rf"\1{_MASK}"),
    (
        re.compile(r"(?i)(\bcurl\s[^\n]{0,200}?(?<=\s)(?:-u|--user)[ =]?[^\s:]{1,60}:)\S+"),
        rf"\1{_MASK}",
    ),
    (
        re.compile(
            r"(?i)(\b(?:sqlplus|sqlldr|tbsql|impdp|expdp|userid=)\s*(?:-\w+\s+){0,4}"
            r"[\w$#]{1,30}/)[^\s@/]{1,60}"
        ),
        rf"\1{_MASK}",
    ),
    # as people say it; a word of letters and digits, so that advice on passwords stays readable
    (
        re.compile(
            r"(?i)((?:비밀번호|비번|패스워드|암호)[는은가이를을]?\s*[(\[]?|\b(?:password|passwd|pwd)\s)"
            r"(?=\S{0,99}[0-9])(?=\S{0,99}[A-Za-z])[!-~]{4,}"
        ),
        rf"\1{_MASK}",
    ),
    (
        re.compile(
            r"((?:비밀번호|비번|패스워드|암호)[는은가이를을]?\s+)['\"‘“][^'\"’”\n]{1,99}['\"’”]"
        ),
        rf"\1{_MASK}",
    ),
    # of services that mark their own, and of our agents' enrolment
    (
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abeprs]-[\w-]{8,}|xapp-[\w-]{8,}"
            r"|gh[opsur]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{12,}|gat1\.[\w-]{20,}(?:\.\w+)?)"
        ),
        _MASK,
    ),
    (re.compile(r"(?i)((?:session|sess|sid)(?:_?id)?=)[\w.%!+/=-]{16,}"), rf"\1{_MASK}"),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{_MASK}"),
    # a JSON web token, looked for from the first "eyJ" of a word only: from each, a long word of
    # many would take the square of its length
    (
        re.compile(r"(?<![\w-])((?>(?:[\w-]*?-)??(?=eyJ)))eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"),
        rf"\1{_MASK}",
    ),
    # a scheme begins at the start of a word and is short: looking back for one from every letter of
    # a long line would take the square of its length
    (
        re.compile(r"(?i)((?<![a-z0-9])[a-z][a-z0-9+.-]{0,30}://[^/\s:@]{0,99}:)[^\s/]{1,200}@"),
        rf"\1{_MASK}@",
    ),
    (
        re.compile(r"(?i)(\bjdbc:[a-z0-9]{2,20}:[a-z0-9]{2,20}:)[^/\s@]{1,100}/[^@\s]{1,200}@"),
        rf"\1{_MASK}@",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END[^\n]*|$)"), _MASK),
    # resident registration number: birth date, then seven more; in one piece only by its name
    (re.compile(r"(?<!\d)(\d{6})\s?-\s?\d{7}(?!\d)"), rf"\1-{_MASK}"),
    (
        re.compile(r"(?i)((?:주민|외국인|등록\s?번호|rrn|jumin)[^\d\n]{0,20}\d{6}) ?\d{7}(?!\d)"),
        rf"\1-{_MASK}",
    ),
    # not inside a digest, where ten digits in a row are no telephone number
    (
        re.compile(
            r"(?<![0-9A-Za-z])(01[016789]|\+82[- ]?\(?0?\)?1[016789])[-.) ]?\d{3,4}[-. ]?(\d{4})"
            r"(?![0-9A-Za-z])"
        ),
        rf"\1-{_MASK}-\2",
    ),
    # a card
    (re.compile(r"(?<![\d-])\d{4}([- ])\d{4}\1\d{4}\1(\d{4})(?![\d-])"), rf"{_MASK}-\2"),
    (
        re.compile(
            rf"(?<![\d.])(\d{{1,3}}{_POINT}\d{{1,3}}){_POINT}\d{{1,3}}{_POINT}\d{{1,3}}(?![\d.]*\d)"
        ),
        r"\1.x.x",
    ),
    # the same by its other names: of a host, octal, hexadecimal, as one number
    (
        re.compile(
            r"(?i)(\b(?:ip|ec2|host|node|server|vm|web|was|db)([-_])\d{1,3}\2\d{1,3})\2\d{1,3}\2"
            r"\d{1,3}(?![\d_-])"
        ),
        r"\1-x-x",
    ),
    (re.compile(r"(?<![\w.])0\d{3}(?:\.0\d{3}){3}(?![\w.])"), "0x●●"),
    (re.compile(r"(?i)\b0x[0-9a-f]{1,2}(?:\.0x[0-9a-f]{1,2}){3}\b"), "0x●●"),
    (re.compile(r"\b0x[0-9A-Fa-f]{8}\b"), "0x●●"),
    (re.compile(r"(://)\d{8,10}(?=[:/?\s]|$)"), r"\1●●"),
)


# At most as long as an address can be: several open-ended runs of colons would be divided in every
# possible way, and a line of colons would stop the bot.
_MAYBE_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:.x]{2,45}(?![\w:])")


def _mask_ipv6(match: re.Match[str]) -> str:
    # A time of day has two colons too; only what is an address is one.
    address = match[0].rstrip(".")
    try:
        ipaddress.IPv6Address(address.replace("x", "0"))
    except ValueError:
        return match[0]
    return "x:x:x" + match[0][len(address) :]


def redact(text: str) -> str:
    """The text with everything secret masked."""
    if not text.isascii():
        folded = text.translate(_FOLDED)
        if folded != text:
            masked = _masked(folded)
            return text if masked == folded else masked
    return _masked(text)


def _masked(text: str) -> str:
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return _MAYBE_IPV6.sub(_mask_ipv6, text)


def redact_value(value: object) -> object:
    """The same for a JSON-able value, text by text."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(key): redact_value(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [redact_value(item) for item in value]
    return value
