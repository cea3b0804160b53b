"""The command ``sbin/nginx`` of the demo's web node.

Owns: the options -t and -s, starting the balancer, its pid file, and the words of nginx. Must
not know how a request is passed on (``proxy``).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bot.app.demo.upstreams import NginxSyntaxError, read_configuration

_SIGNALS = {"reload": signal.SIGHUP, "quit": signal.SIGQUIT, "stop": signal.SIGTERM}
_PATIENCE_S = 20.0


def main() -> int:
    """As nginx: 0 when done, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="nginx")
    parser.add_argument("-p", dest="prefix", type=Path, required=True)
    parser.add_argument("-t", dest="test", action="store_true")
    parser.add_argument("-s", dest="signal", choices=sorted(_SIGNALS))
    options = parser.parse_args()
    conf = options.prefix / "conf" / "nginx.conf"
    try:
        read_configuration(conf)
    except (NginxSyntaxError, OSError) as error:
        _say(f"[emerg] {error}")
        if options.test:
            _say(f"configuration file {conf} test failed")
        # Stopping must stay possible with a configuration that would not start.
        if options.signal not in {"quit", "stop"}:
            return 1
    if options.test:
        _say(f"the configuration file {conf} syntax is ok")
        _say(f"configuration file {conf} test is successful")
        return 0
    if options.signal:
        return _signal(options.prefix, options.signal)
    return _start(options.prefix)


def _say(message: str) -> None:
    sys.stderr.write(f"nginx: {message}\n")


def _running(prefix: Path) -> int | None:
    """The pid of this prefix's balancer, or None. A pid that is now another's does not count."""
    file = prefix / "run" / "nginx.pid"
    try:
        pid = int(file.read_text("ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    cmdline = Path(f"/proc/{pid}/cmdline")
    with suppress(OSError):
        if os.fsencode(prefix) not in cmdline.read_bytes().split(b"\0"):
            return None
    return pid


def _signal(prefix: Path, name: str) -> int:
    pid = _running(prefix)
    if pid is None:
        if name == "reload":
            _say(f'[error] open() "{prefix}/run/nginx.pid" failed: nginx is not running')
            return 1
        return 0
    os.kill(pid, _SIGNALS[name])
    if name != "reload" and not _wait(lambda: _running(prefix) is None):
        os.kill(pid, signal.SIGKILL)
    return 0


def _start(prefix: Path) -> int:
    pid = _running(prefix)
    if pid is not None:
        _say(f"[emerg] already running with PID {pid}")
        return 1
    (prefix / "run" / "nginx.pid").unlink(missing_ok=True)
    with (prefix / "logs" / "error.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-I", "-m", "bot.app.demo.proxy", str(prefix)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=prefix,
            start_new_session=True,
        )
    started = _wait(lambda: _running(prefix) is not None or child.poll() is not None)
    if not started or child.poll() is not None:
        _say(f"[emerg] did not start; see {prefix}/logs/error.log")
        return 1
    return 0


def _wait(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
