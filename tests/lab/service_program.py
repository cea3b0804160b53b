"""The little application of a lab node, light enough to be started hundreds of times.

Owns: serving the files of the deploy path, and behaving as the deployed properties say. Copied
into the node's folder and run there by ``startup.sh`` with ``python3 -I -S``: the standard
library only, few imports, nothing of ours.
"""

import os
import select
import signal
import socket
import sys
import threading
import time

PROPERTIES = b"WEB-INF/classes/app.properties"
BACKLOG = 256
TRACE = (
    b"java.lang.IllegalStateException: mode=no-start\n"
    b"\tat kr.go.lab.Application.start(Application.java:42)\n"
    b"Caused by: java.lang.ClassNotFoundException: kr.go.lab.Missing\n"
)


def say(level: bytes, message: bytes) -> None:
    stamp = time.strftime("%d-%b-%Y %H:%M:%S").encode()
    os.write(1, stamp + b".000 " + level + b" [main] " + message + b"\n")


def read_properties(root: bytes) -> dict[bytes, bytes]:
    """Bytes, as they may be of any charset."""
    try:
        with open(root + b"/" + PROPERTIES, "rb") as file:  # noqa: PTH123  pathlib costs 10 ms
            rows = [row.strip() for row in file.read().splitlines()]
    except OSError:
        return {}
    pairs = (row.partition(b"=") for row in rows if row and not row.startswith(b"#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


class Application:
    def __init__(self, root: bytes, node: bytes) -> None:
        self.root = root
        self.node = node
        loaded = read_properties(root)
        mode, _, argument = loaded.get(b"mode", b"ok").partition(b":")
        self.mode = mode
        self.version = loaded.get(b"version", b"")
        self.line = loaded.get(b"log", b"")
        self.seconds = float(argument) if argument.replace(b".", b"").isdigit() else 0.0
        self.asked = 0
        self.active = 0
        self.lock = threading.Lock()

    def health(self) -> tuple[int, bytes]:
        self.asked += 1
        bad = self.mode == b"unhealthy" or (self.mode == b"flapping" and self.asked % 2 == 0)
        state = b'"DOWN"' if bad else b'"UP"'
        body = b'{"status": ' + state + b', "version": "' + self.version + b'"}\n'
        return (503 if bad else 200), body

    def answer(self, path: bytes) -> tuple[int, bytes]:
        if self.mode == b"slow-answers":
            time.sleep(self.seconds)
        if path == b"/health":
            return self.health()
        if self.mode == b"context-fails":
            return 404, b"not found\n"
        if path == b"/version":
            return 200, self.version + b" " + self.node + b"\n"
        file = os.path.realpath(self.root + unquoted(path))
        if path == b"/":
            file = self.root + b"/index.html"
        if not file.startswith(self.root + b"/") or b"/WEB-INF/" in file:
            return 404, b"not found\n"
        try:
            with open(file, "rb") as source:  # noqa: PTH123
                return 200, source.read()
        except OSError:
            return 404, b"not found\n"


def unquoted(path: bytes) -> bytes:
    parts = path.split(b"%")
    return parts[0] + b"".join(
        bytes([int(part[:2], 16)]) + part[2:] for part in parts[1:] if len(part) >= 2
    )


def exchange(application: Application, connection: socket.socket) -> None:
    """Requests of one connection, until the client says that it has no more."""
    connection.settimeout(30)
    with connection, connection.makefile("rb") as lines:
        while True:
            words = lines.readline(65536).split()
            if len(words) != 3:
                return
            headers = []
            while (line := lines.readline(65536).strip().lower()) != b"":
                headers.append(line)
            keep = words[2] == b"HTTP/1.1" and b"connection: close" not in headers
            with application.lock:
                application.active += 1
            try:
                status, body = application.answer(words[1].partition(b"?")[0])
                reason = {200: b"OK", 404: b"Not Found", 503: b"Service Unavailable"}[status]
                head = b"HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n" % (
                    status,
                    reason,
                    len(body),
                    b"keep-alive" if keep else b"close",
                )
                connection.sendall(head + (body if words[0] != b"HEAD" else b""))
            finally:
                with application.lock:
                    application.active -= 1
            if not keep:
                return


def attend(application: Application, connection: socket.socket) -> None:
    try:  # noqa: SIM105  one import less
        exchange(application, connection)
    except (OSError, ValueError):
        pass  # the client went away, or spoke no HTTP


def serve(application: Application, listener: socket.socket) -> None:
    # A handler that only writes into a pipe loses no connection that was being accepted.
    woken, wake = os.pipe()

    def stop(_number: int, _frame: object) -> None:
        if application.mode == b"ignores-stop":
            say(b"INFO", b"Ignoring the request to stop")
        else:
            os.write(wake, b".")

    signal.signal(signal.SIGTERM, stop)
    poller = select.poll()
    poller.register(woken, select.POLLIN)
    poller.register(listener, select.POLLIN)
    while woken not in dict(poller.poll()):
        connection, _ = listener.accept()
        threading.Thread(target=attend, args=(application, connection), daemon=True).start()
    listener.close()
    until = time.monotonic() + 30
    while application.active and time.monotonic() < until:  # requests in flight
        time.sleep(0.005)
    say(b"INFO", b"Destroying ProtocolHandler")


def start(application: Application, host: str, port: int) -> socket.socket | None:
    began = time.monotonic()
    say(b"INFO", b"Starting service [Catalina]")
    mode, seconds = application.mode, application.seconds
    if application.line:
        say(b"INFO", application.line)
    if mode == b"dies-when-told":
        signal.signal(signal.SIGUSR1, die)
    if mode == b"slow":
        time.sleep(seconds)
    if mode == b"no-start":
        say(b"SEVERE", b"Error starting child")
        os.write(1, TRACE)
        return None
    if mode == b"context-fails":
        say(b"SEVERE", b"Context [] startup failed due to previous errors")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        say(b"SEVERE", b"Failed to initialize connector: " + str(error).encode())
        return None
    milliseconds = round((time.monotonic() - began) * 1000)
    say(b"INFO", b"Server startup in [%d] milliseconds" % milliseconds)
    if mode == b"log-error":
        say(b"SEVERE", b"Servlet.service() threw exception")
        os.write(1, b"java.lang.NullPointerException\n\tat kr.go.lab.Page.show(Page.java:7)\n")
    return listener


def die(_number: int, _frame: object) -> None:
    say(b"SEVERE", b"java.lang.OutOfMemoryError: Java heap space")
    os._exit(1)


def main() -> int:
    root, host, port, node = sys.argv[1:5]
    application = Application(os.fsencode(root), node.encode())
    listener = start(application, host, int(port))
    if listener is None:
        return 1
    serve(application, listener)
    return 0


if __name__ == "__main__":
    sys.exit(main())
