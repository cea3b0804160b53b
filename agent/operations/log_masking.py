"""What a line of a log must not carry off its server: whole addresses, passwords, tokens.

Owns: the masks of lines that become part of a reading, by patterns whose time grows with the
line's length only: a log has millions of lines, and anybody may write into it. The bot masks
again, by rules of its own. Pure.
"""

from __future__ import annotations

import ipaddress
import re

from agent.operations.masking import IPV4, WEB_TOKEN

MASK = "***"
_MAYBE_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:.]{2,45}(?![\w:])")
_SECRETS = (
    re.compile(
        r"(?i)((?:(?<![a-z])pass|(?<![a-z])pw|password|passwd|passphrase|pwd|secret|token"
        r"|api[_-]?key|authorization|jsessionid|비밀번호|패스워드|암호)[\"']?\s{0,3}[=:]\s{0,3})"
        r"(?:\"[^\"]*\"?|'[^']*'?|(?:bearer\s+|basic\s+)?[^\s,;&'\"]+)"
    ),
    re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]{8,}"),
    WEB_TOKEN,
    re.compile(r"(?i)((?<![a-z0-9])[a-z][a-z0-9+.-]{0,30}://[^/\s:@]{1,64}:)[^@\s/]{1,200}(?=@)"),
    re.compile(r"(?<!\d)(\d{6}-)[1-8]\d{6}(?!\d)"),  # resident registration number
)


def mask_line(line: str) -> str:
    """The line with addresses cut to their first half and secrets taken out."""
    for pattern in _SECRETS:
        line = pattern.sub(rf"\g<1>{MASK}", line)
    return _MAYBE_IPV6.sub(_ipv6, IPV4.sub(r"\1.*.*", line))


def _ipv6(match: re.Match[str]) -> str:
    # A time of day has two colons, too; only what is an address is one.
    address = match[0].rstrip(".")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return match[0]
    return f"{address.split(':')[0] or '0'}:*{match[0][len(address) :]}"
