"""What never leaves the agent in the lines of a configuration file or a crontab.

Owns: the masking of secrets and addresses before a line is kept, compared or sent. It hides more
than it must: a masked harmless value can be looked up on the server. ``log_masking`` hides less,
for lines that people have to understand; the bot masks again (``bot.core.redaction``) by rules of
its own, since neither side rests on the other's. Pure.
"""

from __future__ import annotations

import re

MASK = "●●●"
# A web token. It is looked for from the first "eyJ" of a word only: a word of many of them would
# take the square of its length.
WEB_TOKEN = re.compile(r"(?<![\w-])((?>(?:[\w-]*?-)??(?=eyJ)))eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")
IPV4 = re.compile(r"(?<![\d.])(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}(?![\d.]*\d)")
_END_OF_NAME = (
    r"(?:pass(?:wd|word|phrase)?|pwd|secret|token|credential|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|auth(?:orization)?|비밀번호|패스워드|암호)[\w.-]{0,60}"
)
_NAME = rf"[\w.-]{{0,60}}{_END_OF_NAME}"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    # name=value, name: value, "name": "value", name="value" of XML
    (
        re.compile(rf"""(?i)({_END_OF_NAME}["']?\s*[=:]\s*)("[^"]*"?|'[^']*'?|[^\s;,<>"']\S*)"""),
        rf"\1{MASK}",
    ),
    (re.compile(rf"(?i)(<(?:\w+:)?({_NAME})(?:\s[^<>]*)?>)[^<]*"), rf"\1{MASK}"),
    # options of commands: --password x, -p<secret> of mysql and its kin, PGPASSWORD above
    (re.compile(r"(?i)(--?(?:pass(?:word)?|pwd|secret|token)[= ]\s*)\S+"), rf"\1{MASK}"),
    (re.compile(r"((?<!\S)-p)(?=[^\s-])(?![0-9]{1,5}(?:\s|$))\S+"), rf"\1{MASK}"),
    # statements of nginx, Apache and their kin: "secret_key abc;"
    (
        re.compile(
            rf"(?i)^([ \t]*(?:[+-][ \t]*)?(?!auth){_NAME}[ \t]+)(?![=:])(\"[^\"]*\"|'[^']*'|\S+)"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)((?<![a-z0-9])[a-z][a-z0-9+.-]{0,30}://[^/\s:@]*:)[^@\s/]+@"), rf"\1{MASK}@"),
    (
        re.compile(r"(?i)(jdbc:\w{2,20}:\w{2,20}:)[^/\s@]{1,100}/[^@\s]{1,200}@"),
        rf"\1{MASK}@",
    ),
    (WEB_TOKEN, rf"\1{MASK}"),
    # base64 of a key file, line by line
    (re.compile(r"^([ \t]*(?:[+-][ \t]*)?)[A-Za-z0-9+/]{60,}={0,2}\s*$"), rf"\1{MASK}"),
    (re.compile(r"\b[0-9a-fA-F]{32,}\b"), MASK),
    (IPV4, r"\1.*.*"),
    (re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f]{1,4}(?![\w:])"), "*:*"),
    (re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){1,6}:(?:[0-9A-Fa-f]{1,4}:?){0,5}"), "*:*"),
)
_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")


def masked(line: str) -> str:
    """One line without what is secret in it."""
    for pattern, replacement in _PATTERNS:
        line = pattern.sub(replacement, line)
    return line


def masked_lines(text: str) -> list[str]:
    """All lines of a text; of a private key, one line that says so."""
    found: list[str] = []
    inside = False
    for line in text.split("\n"):
        if inside:
            inside = not _ENDS.search(line)
        elif _BEGINS.search(line):
            found.append(MASK)
            inside = not _ENDS.search(line)
        else:
            found.append(masked(line.rstrip("\r")))
    return found
