"""A light application that looks like a Tomcat to whoever operates it.

Owns: its folder with bin/startup.sh, bin/shutdown.sh, run/tomcat.pid and logs/catalina.out, and
what it answers. What it does is decided by what is deployed (``service_program``).
"""

from __future__ import annotations

import http.client
import os
import shlex
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.lab import processes
from tests.lab.part import Ground
from tests.lab.ports import free_port
from tests.lab.scripted import Scripted

PROPERTIES = "WEB-INF/classes/app.properties"
_PYTHON = "/usr/bin/python3"
_PROGRAM = Path(__file__).with_name("service_program.py")
_STARTUP = r"""#!/bin/sh
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
. "$HOME_DIR/conf/setenv.sh" || exit 1
PID_FILE=$HOME_DIR/run/tomcat.pid
mode=$(sed -n 's/^mode=//p' "$DEPLOY_PATH/WEB-INF/classes/app.properties" 2>/dev/null)
if [ "$mode" = script-hangs:no-start ]; then exec sleep 100000; fi
if [ "$mode" = script-fails ]; then echo "JAVA_HOME is not defined correctly" >&2; exit 1; fi
if [ -s "$PID_FILE" ] && kill -0 "$(cat "$PID_FILE")" 2>/dev/null; then
    echo "Tomcat appears to still be running with PID $(cat "$PID_FILE"). Start aborted." >&2
    exit 1
fi
nohup "$PYTHON" -I -S "$HOME_DIR/lib/service.py" "$DEPLOY_PATH" "$ADDRESS" "$PORT" "$NODE" \
    >>"$HOME_DIR/logs/catalina.out" 2>&1 </dev/null &
echo $! >"$PID_FILE"
echo "Tomcat started."
if [ "$mode" = script-hangs ]; then exec sleep 100000; fi
"""
_SHUTDOWN = r"""#!/bin/sh
HOME_DIR=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
PID_FILE=$HOME_DIR/run/tomcat.pid
pid=$(cat "$PID_FILE" 2>/dev/null)
running() { # a zombie that nobody has collected yet has ended
    read -r _ _ state _ 2>/dev/null <"/proc/$pid/stat" && [ "$state" != Z ]
}
if [ -z "$pid" ] || ! kill -TERM "$pid" 2>/dev/null; then
    rm -f "$PID_FILE"
    echo "Tomcat is not running."
    exit 0
fi
waited=0
while [ "$waited" -lt 500 ] && running 2>/dev/null; do
    sleep 0.01
    waited=$((waited + 1))
done
if running 2>/dev/null; then
    echo "Tomcat did not stop in time." >&2
    exit 1
fi
rm -f "$PID_FILE"
echo "Tomcat stopped."
"""


def application(version: str, *, mode: str = "ok", log: bytes = b"") -> dict[str, bytes]:
    """The files of one version of the application, by path below the deploy path.

    ``mode``: ``ok``; ``no-start`` (SEVERE, ends); ``context-fails`` (listens, /health is fine but
    all else 404, SEVERE); ``dies-when-told`` (by ``Service.die``); ``flapping`` (every second
    health answer is 503); ``unhealthy``; ``slow:S`` (listens after S); ``slow-answers:S``;
    ``log-error`` (works, logs an exception); ``ignores-stop``; ``script-hangs`` (comes up,
    startup.sh never returns); ``script-hangs:no-start``; ``script-fails``. ``log``: a line that is
    logged as it is.
    """
    properties = f"version={version}\nmode={mode}\n".encode()
    return {
        "index.html": f"<h1>{version}</h1>\n".encode(),
        "css/site.css": f"/* {version} */\nbody {{ margin: 0 }}\n".encode(),
        PROPERTIES: properties + (b"log=" + log + b"\n" if log else b""),
    }


class Service(Scripted):
    """One instance. ``home`` is the folder of its scripts, ``deploy_path`` what it serves."""

    SERVICE = "tomcat"

    def __init__(
        self,
        ground: Ground,
        name: str = "service",
        *,
        host: str = "127.0.1.1",
        deploy_path: Path | None = None,
        node_id: str = "lab",
    ) -> None:
        self.ground = ground
        self.home = ground.claim(f"{name}/tomcat")
        self.deploy_path = deploy_path or ground.root / name / "webapps" / "ROOT"
        self.host = host
        self.port = free_port(host)
        self.node_id = node_id
        self.health_path = "/health"
        self.log = self.home / "logs" / "catalina.out"

    def prepare(self) -> None:
        """Folders and scripts, nothing started."""
        for name in ("bin", "conf", "lib", "logs", "run"):
            self.ground.account.make_folder(self.home / name)
        self.ground.account.make_folder(self.deploy_path)
        write = self.ground.write
        write(self.home / "bin" / "startup.sh", _STARTUP, mode=0o755)
        write(self.home / "bin" / "shutdown.sh", _SHUTDOWN, mode=0o755)
        write(self.home / "lib" / "service.py", _PROGRAM.read_bytes())
        settings = {
            "PYTHON": _PYTHON,
            "DEPLOY_PATH": self.deploy_path,
            "ADDRESS": self.host,
            "PORT": self.port,
            "NODE": self.node_id,
        }
        lines = (f"{key}={shlex.quote(str(value))}\n" for key, value in settings.items())
        write(self.home / "conf" / "setenv.sh", "".join(lines))

    def deploy(self, files: Mapping[str, bytes]) -> None:
        """Put files below the deploy path by hand, as the account."""
        for path, content in files.items():
            self.ground.write(self.deploy_path / path, content)

    def start(self) -> None:
        """Run startup.sh and wait until it listens; the first version is there if nothing else.

        Raises:
            RuntimeError, TimeoutError: it did not come up.
        """
        if not self.home.exists():
            self.prepare()
        if not any(self.deploy_path.iterdir()):
            self.deploy(application("1.0.0"))
        self.script("startup.sh")
        processes.await_listening(self.host, self.port, None, self.log)

    def die(self) -> None:
        """End as one that runs out of memory, which says so in its log: ``dies-when-told``."""
        pid = self.pid
        assert pid is not None
        os.kill(pid, signal.SIGUSR1)

    @property
    def version(self) -> str:
        """The version that runs, as it answers; empty when it does not."""
        with suppress(OSError, http.client.HTTPException):
            status, body = self.get("/version")
            return body.split()[0].decode() if status == 200 else ""
        return ""
