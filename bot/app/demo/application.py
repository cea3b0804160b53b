"""The little application that runs on a demo node: serves what is deployed, tells its health.

Owns: its own start, log, health and stop, as a Java web application in Tomcat would show them.
Copied into the node's folder and started there by ``startup.sh``: the standard library only, and
nothing of GUARDiA. Listens on loopback only.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PROPERTIES = Path("WEB-INF") / "classes" / "budget.properties"
_WARM_UP_S = 0.6  # a servlet container is not up at once, and neither is this
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


class UnsuitableConfigurationError(Exception):
    """The properties do not let the application start. ``trace`` is what goes into the log."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.trace = (
            "org.springframework.beans.factory.BeanCreationException: Error creating bean with "
            f"name 'dataSource' defined in class path resource [budget.properties]: {message}",
            "\tat org.springframework.beans.factory.support.AbstractAutowireCapableBeanFactory"
            ".initializeBean(AbstractAutowireCapableBeanFactory.java:1804)",
            "\tat org.apache.catalina.core.StandardContext.startInternal"
            "(StandardContext.java:4929)",
            f"Caused by: {cause}: {message}",
            "\tat kr.go.moef.budget.config.DataSourceConfig.dataSource(DataSourceConfig.java:58)",
            "\t... 42 more",
        )


def say(level: str, message: str) -> None:
    """One line of catalina.out."""
    now = datetime.now().astimezone()
    stamp = now.strftime("%d-%b-%Y %H:%M:%S.") + f"{now.microsecond // 1000:03d}"
    sys.stdout.write(f"{stamp} {level}: {message}\n")
    sys.stdout.flush()


def read_properties(file: Path) -> dict[str, str]:
    """A .properties file as Java reads a simple one: ``key=value``, ``#`` begins a comment."""
    rows = (line.strip() for line in file.read_text("utf-8").splitlines())
    pairs = (row.partition("=") for row in rows if row and not row.startswith(("#", "!")))
    return {key.strip(): value.strip() for key, _, value in pairs}


def load_configuration(root: Path, node: dict[str, str]) -> dict[str, str]:
    """What is deployed, checked against what this node's database grants.

    Raises:
        UnsuitableConfigurationError: it is not readable, incomplete, or asks for too much.
    """
    file = root / _PROPERTIES
    try:
        loaded = read_properties(file)
        size = int(loaded["datasource.pool.size"])
    except (OSError, UnicodeDecodeError) as error:
        raise UnsuitableConfigurationError(
            f"cannot read {_PROPERTIES}", "java.io.FileNotFoundException"
        ) from error
    except (KeyError, ValueError) as error:
        raise UnsuitableConfigurationError(
            "property 'datasource.pool.size' is not a number", "java.lang.IllegalArgumentException"
        ) from error
    limit = int(node["datasource.pool.max"])
    if not 1 <= size <= limit:
        raise UnsuitableConfigurationError(
            f"pool size {size} exceeds the {limit} connections granted to node {node['node.id']}",
            "java.sql.SQLNonTransientConnectionException",
        )
    return loaded


class Application:
    """What is loaded at start and stays so until the next one."""

    def __init__(self, root: Path, node: dict[str, str]) -> None:
        self.root = root.resolve()
        self.node_id = node["node.id"]
        self.up = False
        self.version = ""
        try:
            loaded = load_configuration(root, node)
        except UnsuitableConfigurationError as error:
            say("SEVERE", "Exception sending context initialized event to listener instance")
            sys.stdout.write("\n".join(error.trace) + "\n")
            say("SEVERE", "Context [] startup failed due to previous errors")
            return
        self.up = True
        self.version = loaded.get("app.version", "")
        say("INFO", f"HikariPool-1 - Start completed. size={loaded['datasource.pool.size']}")
        say("INFO", f"Budget application {self.version} started on {self.node_id}")

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a GET of this path."""
        if path == "/actuator/health":
            return _json(200 if self.up else 503, {"status": "UP" if self.up else "DOWN"})
        if not self.up:
            return _json(503, {"error": "the application did not start; see catalina.out"})
        if path == "/api/version":
            return _json(200, {"version": self.version, "node": self.node_id})
        return self._file(path)

    def _file(self, path: str) -> tuple[int, str, bytes]:
        file = (self.root / unquote(path).lstrip("/")).resolve()
        if file == self.root:
            file = self.root / "index.html"
        hidden = {"WEB-INF", "META-INF"} & set(file.parts)
        if hidden or not file.is_relative_to(self.root) or not file.is_file():
            return _json(404, {"error": "not found"})
        kind = _TYPES.get(file.suffix.lower(), "application/octet-stream")
        return 200, kind, file.read_bytes()


def _json(status: int, body: dict[str, str]) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(body, ensure_ascii=False).encode()


class Container(ThreadingHTTPServer):
    """One thread a request; closing waits for the requests in flight."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.application: Application | None = None


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer. Each has a connection of its own, so that none lingers."""

    timeout = 5  # seconds for the request to arrive
    server_version = "Apache-Coyote/1.1"
    sys_version = ""

    def do_GET(self) -> None:
        self._respond(body_too=True)

    def do_HEAD(self) -> None:
        self._respond(body_too=False)

    def _respond(self, *, body_too: bool) -> None:
        application = self.server.application if isinstance(self.server, Container) else None
        if application is None:
            status, kind, body = _json(503, {"status": "OUT_OF_SERVICE"})
        else:
            status, kind, body = application.answer(urlsplit(self.path).path)
        self.send_response(HTTPStatus(status))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if body_too:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Tomcat keeps requests out of catalina.out."""


def _serve(container: Container) -> None:
    def stop(_number: int, _frame: object) -> None:
        # shutdown() waits for serve_forever, which runs in the thread that is interrupted here.
        threading.Thread(target=container.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    container.serve_forever(poll_interval=0.05)
    say("INFO", "Pausing ProtocolHandler and waiting for requests in flight")
    container.server_close()
    say("INFO", "Destroying ProtocolHandler: stopped")


def main() -> int:
    """Start, serve until SIGTERM. Exit status 1 when the port is taken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--node", type=Path, required=True)
    options = parser.parse_args()
    began = time.monotonic()
    node = read_properties(options.node)
    say("INFO", "Starting service [Catalina]")
    say("INFO", "Starting Servlet engine: [Apache Tomcat/9.0.87]")
    time.sleep(_WARM_UP_S)
    application = Application(options.root, node)
    try:
        container = Container(int(node["server.port"]))
    except OSError as error:
        say("SEVERE", f"Failed to initialize connector [HTTP/1.1-{node['server.port']}]: {error}")
        return 1
    container.application = application
    say("INFO", f'Starting ProtocolHandler ["http-nio-{node["server.port"]}"]')
    say("INFO", f"Server startup in [{round((time.monotonic() - began) * 1000)}] milliseconds")
    _serve(container)
    return 0


if __name__ == "__main__":
    sys.exit(main())
