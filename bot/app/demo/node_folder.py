"""The folder tree of a demo node: made once, its scripts and ports brought up to date at a start.

Owns: what lies in a node's folder before anything is deployed. Files that were deployed since
are left as they are. Must not start anything.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from bot.app.demo.certificate import keep_certificate
from bot.app.demo.nodes import LOOPBACK, POOL_MAX, LiveNode, NodeLayout
from bot.app.demo.packages import FIRST, application_files

OLD_LOG_DAYS = (40, 65, 120)  # one to compress, more than one to delete at the usual 90
_PACKAGE = resources.files("bot.app.demo")
_NGINX = """\
worker_processes 1;
pid run/nginx.pid;
events {{
    worker_connections 1024;
}}
http {{
    include upstream.conf;
    server {{
        listen {host}:{port};
        listen {host}:{tls_port} ssl;
        ssl_certificate tls/budget.pem;
        ssl_certificate_key tls/budget.key;
        location / {{
            proxy_pass http://budget_was;
            proxy_next_upstream error timeout http_502 http_503 http_504;
        }}
    }}
}}
"""


def prepare_application(node: LiveNode) -> None:
    """The tree of a WAS node: Tomcat's scripts, the node's own properties, the first version."""
    layout = node.layout
    home = layout.service_home
    _make_folders(layout, ("bin", "lib", "conf", "logs", "run"))
    for target, source in (
        ("bin/startup.sh", "startup.sh"),
        ("bin/shutdown.sh", "shutdown.sh"),
        ("lib/process.sh", "process.sh"),
    ):
        _install_script(source, home / target)
    with resources.as_file(_PACKAGE.joinpath("application.py")) as application:
        shutil.copyfile(application, home / "lib" / "application.py")
    _write(
        home / "conf" / "setenv.sh",
        f"PYTHON={shlex.quote(sys.executable)}\n"
        f"DEPLOY_PATH={shlex.quote(str(layout.deploy_path))}\n"
        f"NODE_PROPERTIES={shlex.quote(str(layout.node_properties))}\n",
    )
    _write(
        layout.node_properties,
        "# What this node gives to the application; not part of any package\n"
        f"node.id={node.node_id}\nserver.port={node.service_port}\n"
        f"datasource.pool.max={POOL_MAX[node.node_id]}\n",
    )
    _write_old_logs(layout)
    if not any(layout.deploy_path.iterdir()):
        for path, content in application_files(FIRST).items():
            target_file = layout.deploy_path / path
            target_file.parent.mkdir(parents=True, exist_ok=True)
            target_file.write_bytes(content)


def prepare_balancer(node: LiveNode, members: Sequence[LiveNode]) -> None:
    """The tree of the web node: nginx's command, its configuration, the upstream file.

    An upstream file that already names these very members keeps what it says of them.
    """
    layout = node.layout
    home = layout.service_home
    _make_folders(layout, ("bin", "sbin", "conf", "logs", "run"))
    _install_script("nginx.sh", home / "sbin" / "nginx")
    _install_script("nginx_startup.sh", home / "bin" / "startup.sh")
    _install_script("nginx_shutdown.sh", home / "bin" / "shutdown.sh")
    _write(home / "conf" / "setenv.sh", f"PYTHON={shlex.quote(sys.executable)}\n")
    _write(home / "conf" / "nginx.conf", _nginx(node))
    wanted = {member.member for member in members}
    if _members_in(layout.upstream_file) != wanted:
        servers = "".join(f"    server {member.member};\n" for member in members)
        _write(layout.upstream_file, f"upstream budget_was {{\n{servers}}}\n")


def _nginx(node: LiveNode) -> str:
    keep_certificate(node.layout.certificate)
    return _NGINX.format(host=LOOPBACK, port=node.service_port, tls_port=node.tls_port)


def _write_old_logs(layout: NodeLayout) -> None:
    """Logs of past months, once: what clearing up is shown with."""
    logs = layout.service_home / "logs"
    if any(logs.glob("catalina.*.log")):
        return
    now = datetime.now(UTC)
    for days in OLD_LOG_DAYS:
        day = now - timedelta(days=days)
        lines = [f"{day:%Y-%m-%d} {n // 60:02}:{n % 60:02}:00 INFO request {n}" for n in range(900)]
        file = logs / f"catalina.{day:%Y-%m-%d}.log"
        _write(file, "\n".join(lines) + "\n")
        os.utime(file, (day.timestamp(), day.timestamp()))


def _members_in(upstream_file: Path) -> set[str]:
    if not upstream_file.exists():
        return set()
    return set(re.findall(r"\bserver\s+([^\s;]+)", upstream_file.read_text("utf-8")))


def _make_folders(layout: NodeLayout, below_home: Sequence[str]) -> None:
    folders = [layout.deploy_path, layout.backup_path, layout.node_properties.parent]
    for folder in (*folders, *(layout.service_home / name for name in below_home)):
        folder.mkdir(parents=True, exist_ok=True)
    (layout.folder / "bin").mkdir(exist_ok=True)
    for name in ("crontab", "ps"):
        _install_script(f"{name}.sh", layout.folder / "bin" / name)


def _install_script(source: str, target: Path) -> None:
    _write(target, _PACKAGE.joinpath("scripts", source).read_text("utf-8"))
    target.chmod(0o755)


def _write(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")
