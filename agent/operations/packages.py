"""Files against what their packages say of them: dpkg or rpm, whichever a server has.

Owns: the argument lists and the reading of their answers. A package's word is as good as the
server's own package database: whoever is root there can change both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from agent.transports.transport import Transport

Verdict = Literal["verified", "changed", "missing", "not_verifiable"]

_COMMAND_S = 120.0
_NO_SUCH_COMMAND = 127
_PACKAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9+._:-]*$")
_PATTERN = re.compile(r"([\\*?\[\]])")
_VERIFIED = re.compile(r"^(missing|[.?SM5DLUGTPC]{8,9})\s+(?:[acdglmr]\s+)?(/.+?)(?: \(.*\))?$")
_MOVED = ("bin", "sbin", "lib", "lib64")  # below /usr since the folders were merged


async def verify(server: Transport, paths: Sequence[str]) -> dict[str, Verdict]:
    """What the packages say; a file that belongs to none is not in the answer."""
    if not paths or not server.shell:
        return {}
    escaped = [_PATTERN.sub(r"\\\1", name) for path in paths for name in names_of(path)]
    owners = await server.run(["dpkg-query", "-S", "--", *escaped], timeout_s=_COMMAND_S)
    if owners.status != _NO_SUCH_COMMAND:
        return await _by_dpkg(server, paths, owned_in(owners.stdout))
    found: dict[str, Verdict] = {}
    for path in paths:
        said = await server.run(["rpm", "-V", "-f", path], timeout_s=_COMMAND_S)
        if said.status == _NO_SUCH_COMMAND:
            return {}
        if "is not owned by any package" not in said.stdout + said.stderr:
            found[path] = _verdict(path, said.stdout)
    return found


async def _by_dpkg(
    server: Transport, paths: Sequence[str], owners: dict[str, str]
) -> dict[str, Verdict]:
    mine = {path: owners[name] for path in paths for name in names_of(path) if owners.get(name, "")}
    packages = sorted(set(mine.values()))
    if not packages:
        return {}
    said = await server.run(["dpkg", "--verify", *packages], timeout_s=_COMMAND_S)
    listed: dict[str, set[str]] = {}
    for package in packages:
        sums = await server.run(
            ["dpkg-query", "--control-show", package, "md5sums"], timeout_s=_COMMAND_S
        )
        listed[package] = {f"/{line[34:]}" for line in sums.stdout.splitlines()}
    return {
        path: _verdict(path, said.stdout)
        if listed[package] & set(names_of(path))
        else "not_verifiable"  # without a sum dpkg says nothing, which must not look fine
        for path, package in mine.items()
    }


def _verdict(path: str, said: str) -> Verdict:
    for line in said.splitlines():
        match = _VERIFIED.match(line.strip())
        if match is None or match[2] not in names_of(path):
            continue
        if match[1] == "missing":
            return "missing"
        if set(match[1]) & set("S5MUGLDC"):
            return "changed"
        if match[1][2] == "?":
            return "not_verifiable"
    return "verified"


def owned_in(text: str) -> dict[str, str]:
    """The package of each path, as ``dpkg-query -S`` says it; of several, the first."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        packages, colon, path = line.partition(": /")
        package = packages.split(",")[0].strip()
        if colon and _PACKAGE.match(package):
            found[f"/{path}"] = package
    return found


def names_of(path: str) -> tuple[str, ...]:
    """The path, and what it was called before or after ``/bin`` became ``/usr/bin``."""
    top = path.split("/")[1]
    if top in _MOVED:
        return (path, f"/usr{path}")
    if path.startswith("/usr/") and path.split("/")[2] in _MOVED:
        return (path, path.removeprefix("/usr"))
    return (path,)
