"""Debian's nginx as a scratch instance of the lab account, balancing over members.

Owns: its prefix: sbin/nginx (a wrapper, as our BalancerSpec calls it), bin/startup.sh,
conf/upstream.conf. Knows nothing of who changes the upstream file.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from agent.wire.plan import BalancerSpec
from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Ground
from tests.lab.ports import free_port
from tests.lab.scripted import Scripted

_PROGRAM = Path("/usr/sbin/nginx")
_WRAPPER = """#!/bin/sh
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
exec /usr/sbin/nginx -p "$HOME_DIR/" -e logs/error.log -c conf/nginx.conf "$@"
"""
_SCRIPT = """#!/bin/sh
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
exec "$HOME_DIR/sbin/nginx" {arguments}
"""
_CONFIGURATION = """\
worker_processes 1;
pid run/nginx.pid;
error_log logs/error.log info;
worker_shutdown_timeout 30s;
events {{ worker_connections 1024; }}
http {{
    access_log logs/access.log;
    default_type text/html;
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;
    include upstream.conf;
    server {{
        listen {host}:{port};
        location = /nginx-health {{ return 200 "UP\\n"; }}
        location /static/ {{ alias {document_root}/; }}
        location / {{
            proxy_pass http://was;
            proxy_connect_timeout 3s;
            proxy_next_upstream error timeout http_502 http_503 http_504;
            proxy_next_upstream_tries 2;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


class Nginx(Scripted):
    """One nginx. ``members``: ``host:port`` of each server of the upstream ``was``.

    It serves files of ``document_root`` below /static/, /nginx-health itself, all else by a
    member.
    """

    SERVICE = "nginx"
    END = signal.SIGTERM  # its workers end with it

    def __init__(
        self,
        ground: Ground,
        name: str = "nginx",
        *,
        members: Sequence[str],
        host: str = "127.0.1.1",
        document_root: Path | None = None,
    ) -> None:
        self.ground = ground
        self.home = ground.claim(f"{name}/nginx")
        self.document_root = document_root or ground.root / name / "htdocs"
        self.host = host
        self.port = free_port(host)
        self.health_path = "/nginx-health"
        self.upstream_file = self.home / "conf" / "upstream.conf"
        self.log = self.home / "logs" / "error.log"
        self._members = tuple(members)

    @property
    def balancer(self) -> BalancerSpec:
        return BalancerSpec(home=str(self.home), upstream_file=str(self.upstream_file))

    @property
    def upstream(self) -> str:
        """The text of the upstream file."""
        return self.upstream_file.read_text("utf-8")

    def prepare(self) -> None:
        """The prefix, nothing started.

        Raises:
            Unavailable: no nginx here.
        """
        if not _PROGRAM.exists():
            raise Unavailable("no nginx: run deploy/system-packages.sh")
        for name in ("bin", "sbin", "conf", "logs", "run", "temp"):
            self.ground.account.make_folder(self.home / name)
        write = self.ground.write
        write(self.home / "sbin" / "nginx", _WRAPPER, mode=0o755)
        for name, arguments in (("startup.sh", ""), ("shutdown.sh", "-s quit")):
            write(self.home / "bin" / name, _SCRIPT.format(arguments=arguments), mode=0o755)
        write(self.document_root / "index.html", "<h1>static</h1>\n")
        self.write_upstream()
        values = {"host": self.host, "port": self.port, "document_root": self.document_root}
        write(self.home / "conf" / "nginx.conf", _CONFIGURATION.format(**values))

    def write_upstream(self, *, extra: str = "") -> None:
        """The upstream file with all members up; ``extra`` goes into the block, right or wrong."""
        servers = "".join(
            f"    server {member} max_fails=3 fail_timeout=10s;\n" for member in self._members
        )
        self.ground.write(self.upstream_file, f"upstream was {{\n{servers}{extra}}}\n")

    def break_syntax(self) -> None:
        """From now on nginx's own check fails, whatever is in the upstream file."""
        self.ground.write(self.home / "conf" / "nginx.conf", "http { nonsense\n")

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError, TimeoutError: it did not come up.
        """
        if not self.home.exists():
            self.prepare()
        self.script("startup.sh")
        processes.await_listening(self.host, self.port, None, self.log)
