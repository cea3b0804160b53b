"""``python -m tests.lab``, which is ``make lab``: everything at once, to be tried by hand.

Owns: which parts are shown, and the table of where they listen. Runs until Ctrl+C or SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import threading

from tests.lab.account import Unavailable
from tests.lab.lab import Lab
from tests.lab.nodes import Fleet
from tests.lab.service import application
from tests.lab.sshd import SshdOptions, legacy_host_keys

Row = tuple[str, str, str]


def main() -> int:
    """Start the lab, print where everything is, wait. Status 1: this machine cannot."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Lab() as lab:
            _print(_rows(lab))
            print(f"\nEverything is below {lab.root}, as {lab.account.name}. Ctrl+C ends it.")
            sys.stdout.flush()
            stop.wait()
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print("stopped")
    return 0


def _rows(lab: Lab) -> list[Row]:
    light, tomcats = lab.nodes(4), lab.tomcat_nodes(2)
    rows = [*_fleet(light), *_fleet(tomcats)]
    legacy = lab.sshd(
        "legacy", host="127.0.1.101", options=SshdOptions(legacy=legacy_host_keys()[-1])
    )
    rows.append(("legacy sshd", f"{legacy.host}:{legacy.port}", legacy.command))
    ftp = lab.vsftpd(host="127.0.1.102")
    rows.append(("vsftpd", f"{ftp.host}:{ftp.port}", f"{ftp.user} / {ftp.password}  {ftp.root}"))
    git = lab.git_repository()
    git.commit(application("1.0.0"), "first version", tag="v1.0.0")
    git.commit(application("1.1.0"), "SR-2026-0402", branch="sr-0402", tag="SR-2026-0402")
    rows.append(("git", git.url, f"tags v1.0.0, SR-2026-0402; branches {git.branches()}"))
    return rows


def _fleet(fleet: Fleet) -> list[Row]:
    rows: list[Row] = []
    for node in fleet.all_nodes:
        service, sshd = node.service, node.sshd
        rows += [
            (node.node_id, f"ssh {sshd.host}:{sshd.port}", sshd.command),
            ("", service.url, f"deploy {node.deploy_path}"),
            ("", "", f"scripts {service.home}/bin"),
        ]
    return rows


def _print(rows: list[Row]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, where, more in rows:
        print(f"{name:<{widths[0]}}  {where:<{widths[1]}}  {more}")


if __name__ == "__main__":
    sys.exit(main())
