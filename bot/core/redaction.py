"""What must not be read by everybody: addresses, passwords, tokens, resident numbers, phones.

Owns: masking of free text before it is shown in chat or written to the audit. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

_MASK = "●●●"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # key=value, key: value and "key": "value" of anything whose name ends like a secret's:
    # DB_PASSWORD, accessToken and client-secret as well
    (
        re.compile(
            r"(?i)((?:(?<![a-z])pass|(?<![a-z])pw|password|passwd|passphrase|pwd|secret|token|api[_-]?key"
            r"|secret[_-]?key|authorization|비밀번호|패스워드|암호)[\"']?)"
            r"(\s*[=:]\s*|\s+is\s+)"
            r"(?:\"[^\"\n]*\"?|'[^'\n]*'?|(?:bearer\s+|basic\s+)?[^\s,;&'\"]+)"
        ),
        rf"\1\2{_MASK}",
    ),
    # as people say it; a word of letters and digits, so that advice on passwords stays readable
    (
        re.compile(
            r"((?:비밀번호|패스워드|암호)[는은가이를을]?\s+)(?=\S*[0-9])(?=\S*[A-Za-z])[!-~]{4,}"
        ),
        rf"\1{_MASK}",
    ),
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
        re.compile(r"(?i)((?<![a-z0-9])[a-z][a-z0-9+.-]{0,30}://[^/\s:@]+:)[^@\s/]+@"),
        rf"\1{_MASK}@",
    ),
    (
        re.compile(r"(?i)(\bjdbc:[a-z0-9]{2,20}:[a-z0-9]{2,20}:)[^/\s@]{1,100}/[^@\s]{1,200}@"),
        rf"\1{_MASK}@",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END[^\n]*|$)"), _MASK),
    # resident registration number: birth date, then a digit 1-8 and six more
    (re.compile(r"(?<!\d)(\d{6})\s?-\s?[1-8]\d{6}(?!\d)"), rf"\1-{_MASK}"),
    # not inside a digest, where ten digits in a row are no telephone number
    (
        re.compile(r"(?<![0-9A-Za-z])(01[016789])[-. ]?\d{3,4}[-. ]?(\d{4})(?![0-9A-Za-z])"),
        rf"\1-{_MASK}-\2",
    ),
    (re.compile(r"(?<![\d.])(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}(?![\d.]*\d)"), r"\1.x.x"),
    (re.compile(r"\b0x[0-9A-Fa-f]{8}\b"), "0x●●"),
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
