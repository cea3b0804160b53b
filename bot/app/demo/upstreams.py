"""The part of nginx's configuration language that the demo's balancer understands.

Owns: tokens, blocks, and what an upstream and a server block may say; errors are worded and
located as nginx words them. Reads files; must not know of sockets or processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<space>[ \t\r]+)|(?P<mark>[{};])
        |"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<word>[^\s{};"'\#]+)|(?P<odd>.)""",
    re.VERBOSE,
)
_ADDRESS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9.-]*:([0-9]{1,5})$")
_PARAMETER = re.compile(r"^(down|backup|(weight|max_fails|max_conns)=\d+|fail_timeout=\d+[smh]?)$")
_BLOCKS = frozenset({"events", "http", "server", "location", "upstream"})
_DIRECTIVES = frozenset(
    {"listen", "server_name", "proxy_pass", "proxy_next_upstream", "proxy_set_header"}
    | {"proxy_connect_timeout", "proxy_read_timeout", "server", "include", "keepalive", "zone"}
    | {"worker_processes", "worker_connections", "error_log", "access_log", "pid"}
    | {"least_conn", "ip_hash", "ssl_certificate", "ssl_certificate_key"}
)


class NginxSyntaxError(Exception):
    """nginx would not start with this: the message ends with file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directive:
    name: str
    arguments: tuple[str, ...]
    where: str  # "file:line"
    block: tuple[Directive, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One server of an upstream."""

    host: str
    port: int
    down: bool

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Where it listens for TLS, and what it shows there. Both files are PEM."""

    host: str
    port: int
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Where the balancer listens, and the members of the upstream it passes requests to."""

    host: str
    port: int
    members: tuple[Member, ...]
    tls: Tls | None = None

    @property
    def live(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if not member.down)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    text: str
    where: str
    mark: bool = False


def read_configuration(file: Path) -> Configuration:
    """The configuration in this nginx.conf and what it includes.

    Raises:
        NginxSyntaxError: as ``nginx -t`` would say it.
        OSError: a file cannot be read.
    """
    tree = _parse_file(file)
    http = _only(tree, "http", file)
    upstreams = {block.arguments[0]: block for block in http if block.name == "upstream"}
    server = _only(http, "server", file)
    listens = [entry for entry in server if entry.name == "listen"]
    listen = next((entry for entry in listens if "ssl" not in entry.arguments), None)
    passed = next((e for b in server for e in b.block or () if e.name == "proxy_pass"), None)
    if listen is None or passed is None:
        raise NginxSyntaxError(f"the server block has no listen or proxy_pass in {file}")
    name = passed.arguments[0].removeprefix("http://")
    if name not in upstreams:
        raise NginxSyntaxError(f'host not found in upstream "{name}" in {passed.where}')
    host, port = _address(listen.arguments[0], listen.where)
    tls = next((entry for entry in listens if "ssl" in entry.arguments), None)
    return Configuration(
        host=host,
        port=port,
        members=_members(upstreams[name]),
        tls=_tls(tls, server, file) if tls else None,
    )


def _tls(listen: Directive, server: tuple[Directive, ...], file: Path) -> Tls:
    given = {entry.name: entry.arguments[0] for entry in server if entry.name.startswith("ssl_")}
    for name in ("ssl_certificate", "ssl_certificate_key"):
        if name not in given:
            raise NginxSyntaxError(f'no "{name}" is defined for the "listen ... ssl" in {file}')
        if not (file.parent / given[name]).is_file():
            raise NginxSyntaxError(f'cannot load certificate "{file.parent / given[name]}"')
    host, port = _address(listen.arguments[0], listen.where)
    return Tls(
        host=host,
        port=port,
        certificate=file.parent / given["ssl_certificate"],
        key=file.parent / given["ssl_certificate_key"],
    )


def _only(tree: tuple[Directive, ...], name: str, file: Path) -> tuple[Directive, ...]:
    for entry in tree:
        if entry.name == name and entry.block is not None:
            return entry.block
    raise NginxSyntaxError(f'no "{name}" section in configuration in {file}')


def _members(upstream: Directive) -> tuple[Member, ...]:
    servers = [entry for entry in upstream.block or () if entry.name == "server"]
    if not servers:
        raise NginxSyntaxError(f"no servers are inside upstream in {upstream.where}")
    return tuple(_member(entry) for entry in servers)


def _member(entry: Directive) -> Member:
    if not entry.arguments:
        raise NginxSyntaxError(
            f'invalid number of arguments in "server" directive in {entry.where}'
        )
    host, port = _address(entry.arguments[0], entry.where)
    for parameter in entry.arguments[1:]:
        if not _PARAMETER.match(parameter):
            raise NginxSyntaxError(f'invalid parameter "{parameter}" in {entry.where}')
    return Member(host=host, port=port, down="down" in entry.arguments[1:])


def _address(text: str, where: str) -> tuple[str, int]:
    match = _ADDRESS.match(text)
    if match is None or not 0 < int(match[1]) < 65536:
        raise NginxSyntaxError(f'invalid port in upstream "{text}" in {where}')
    return text.rpartition(":")[0], int(match[1])


def _parse_file(file: Path) -> tuple[Directive, ...]:
    tokens = list(_tokens(file))
    tree, rest = _parse(tokens, file, depth=0)
    if rest:
        raise NginxSyntaxError(f'unexpected "}}" in {rest[0].where}')
    return tree


def _parse(
    tokens: list[_Token], file: Path, *, depth: int
) -> tuple[tuple[Directive, ...], list[_Token]]:
    """Directives up to the closing brace of this depth, and the tokens from there on."""
    tree: list[Directive] = []
    words: list[_Token] = []
    while tokens:
        token, tokens = tokens[0], tokens[1:]
        if not token.mark:
            words.append(token)
        elif token.text == ";":
            tree += _simple(words, token, file)
            words = []
        elif token.text == "{":
            _check_block(words, token)
            block, tokens = _parse(tokens, file, depth=depth + 1)
            if not tokens:
                raise NginxSyntaxError(f'unexpected end of file, expecting "}}" in {_end(file)}')
            tokens = tokens[1:]
            tree.append(_directive(words, block))
            words = []
        else:
            if words:
                raise NginxSyntaxError(f'unexpected "}}" in {token.where}')
            return tuple(tree), [token, *tokens]
    if words:
        raise NginxSyntaxError(f'unexpected end of file, expecting ";" or "}}" in {_end(file)}')
    return tuple(tree), []


def _directive(words: list[_Token], block: tuple[Directive, ...] | None) -> Directive:
    return Directive(
        name=words[0].text,
        arguments=tuple(word.text for word in words[1:]),
        where=words[0].where,
        block=block,
    )


def _check_block(words: list[_Token], brace: _Token) -> None:
    if not words:
        raise NginxSyntaxError(f'unexpected "{{" in {brace.where}')
    if words[0].text not in _BLOCKS:
        raise NginxSyntaxError(f'unknown directive "{words[0].text}" in {words[0].where}')
    if words[0].text == "upstream" and len(words) != 2:
        where = words[0].where
        raise NginxSyntaxError(f'invalid number of arguments in "upstream" directive in {where}')


def _simple(words: list[_Token], end: _Token, file: Path) -> tuple[Directive, ...]:
    if not words:
        raise NginxSyntaxError(f'unexpected ";" in {end.where}')
    directive = _directive(words, None)
    if directive.name not in _DIRECTIVES:
        raise NginxSyntaxError(f'unknown directive "{directive.name}" in {directive.where}')
    if not directive.arguments and directive.name not in {"least_conn", "ip_hash"}:
        raise NginxSyntaxError(
            f'invalid number of arguments in "{directive.name}" directive in {directive.where}'
        )
    if directive.name == "include":
        return _parse_file(file.parent / directive.arguments[0])
    return (directive,)


def _tokens(file: Path) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(file.read_text("utf-8")):
        where = f"{file}:{line}"
        kind = match.lastgroup or ""
        if kind == "newline":
            line += 1
        elif kind == "odd":
            raise NginxSyntaxError(f'unexpected "{match[0]}" in {where}')
        elif kind not in {"comment", "space"}:
            yield _Token(text=match[kind], where=where, mark=kind == "mark")


def _end(file: Path) -> str:
    return f"{file}:{file.read_text('utf-8').count(chr(10)) + 1}"
