"""What must not be read by everybody: addresses, passwords, tokens, resident numbers, phones.

Owns: masking of free text before it is shown in chat or written to the audit. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

_MASK = "●●●"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # key=value and key: value of anything that is called a secret
    (
        re.compile(
            r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|authorization|비밀번호|암호)"
            r"(\s*[=:]\s*|\s+is\s+)(?:bearer\s+|basic\s+)?[^\s,;&'\"]+"
        ),
        rf"\1\2{_MASK}",
    ),
    (re.compile(r"(?i)(\w+://[^/\s:@]+:)[^@\s/]+@"), rf"\1{_MASK}@"),
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


_MAYBE_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.x]*(?![\w:])")


def _mask_ipv6(match: re.Match[str]) -> str:
    # A time of day has two colons too; only what is an address is one.
    try:
        ipaddress.IPv6Address(match[0].replace("x", "0"))
    except ValueError:
        return match[0]
    return "x:x:x"


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
