"""Does what the files say of how nodes are reached hang together?

Owns: the checks over several columns or files: balancers, FTP nodes, repositories. Pure.
"""

from __future__ import annotations

from bot.core.domain.estate import Layer
from cmdb.importers.estate_files import Files, Finding
from cmdb.importers.estate_rows import BalancerLine, ConnectionLine, ServerLine, SystemLine

_NO_BALANCER = "is no web node of the same system and environment with a balancer_home"


def check_reach(files: Files, findings: list[Finding]) -> None:
    """Add what is wrong to ``findings``."""
    for system in files.systems.lines:
        for column, problem in _repository_faults(system.row):
            findings.append(_finding(files.systems.name, system.number, column, problem))
    for reached in files.connections.lines:
        for column, problem in _connection_faults(reached.row):
            findings.append(_finding(files.connections.name, reached.number, column, problem))
    servers = {row.node_id: row for row in files.servers.rows()}
    balancing = {row.node_id for row in files.connections.rows() if row.balancer_home}
    for line in files.balancers.lines:
        for column, problem in _balancer_faults(line.row, servers, balancing):
            findings.append(_finding(files.balancers.name, line.number, column, problem))


def _repository_faults(row: SystemLine) -> list[tuple[str, str]]:
    if row.repository_url is None and (row.repository_name or row.repository_folder):
        return [("repository_url", "is empty, and its name or folder is not")]
    return []


def _connection_faults(row: ConnectionLine) -> list[tuple[str, str]]:
    faults = []
    if (row.balancer_home is None) != (row.upstream_file is None):
        faults.append(("balancer_home", "upstream_file and balancer_home go together"))
    if row.transfer == "sftp" and row.host_key is None:
        faults.append(("host_key", "SSH needs a host key"))
    if row.transfer == "ftp":
        if row.host_key is not None:
            faults.append(("host_key", "plain FTP has none: leave it empty"))
        if row.legacy:
            faults.append(("legacy", "plain FTP has no algorithms to allow"))
        if row.balancer_home is not None:
            faults.append(("balancer_home", "nothing can be run over FTP, no balancer either"))
    return faults


def _balancer_faults(
    row: BalancerLine, servers: dict[str, ServerLine], balancing: set[str]
) -> list[tuple[str, str]]:
    """A balancer is an L4 device, or a web node of the same system that says where it lives."""
    if (row.web_node_id is None) == (row.device is None):
        return [("web_node_id", "one of web_node_id and device is given, not both")]
    web, node = servers.get(row.web_node_id or ""), servers.get(row.node_id)
    if web is None or node is None:
        return []
    same = (web.institution, web.system, web.env) == (node.institution, node.system, node.env)
    if web.layer is not Layer.WEB or not same or web.node_id not in balancing:
        return [("web_node_id", _NO_BALANCER)]
    return []


def _finding(file: str, line: int, column: str, problem: str) -> Finding:
    return Finding(file=file, line=line, column=column, problem=problem)
