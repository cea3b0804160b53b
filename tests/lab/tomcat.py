"""Debian's Tomcat 10 as scratch instances, each a CATALINA_BASE of its own.

Owns: the base's configuration and scripts. Small and quick to start: two fit a machine of two
cores beside everything else. Knows nothing of what is deployed (``war``).
"""

from __future__ import annotations

import http.client
from contextlib import suppress
from pathlib import Path

from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Ground
from tests.lab.ports import free_port
from tests.lab.scripted import Scripted, get
from tests.lab.war import war

HOME = Path("/usr/share/tomcat10")
_COMPILER = Path("/usr/share/java/eclipse-jdt-core.jar")  # Jasper's, which Debian leaves out
_SCRIPT = """#!/bin/sh
CATALINA_BASE=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
export CATALINA_BASE CATALINA_HOME={home} CATALINA_PID="$CATALINA_BASE/run/tomcat.pid"
export CATALINA_OUT="$CATALINA_BASE/logs/catalina.out"
exec "$CATALINA_HOME/bin/catalina.sh" {verb}
"""
_SETENV = """\
CATALINA_OPTS="-Xms32m -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
CATALINA_OPTS="$CATALINA_OPTS -Djava.net.preferIPv4Stack=true -Duser.language=en"
JAVA_OPTS="-XX:-UsePerfData"
JRE_HOME={jre}
"""
_SERVER = """\
<?xml version="1.0" encoding="UTF-8"?>
<Server port="{stop_port}" address="{host}" shutdown="SHUTDOWN">
  <Service name="Catalina">
    <Connector port="{port}" address="{host}" protocol="HTTP/1.1" connectionTimeout="20000"
               maxThreads="25" minSpareThreads="2" />
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" unpackWARs="true" autoDeploy="false" />
    </Engine>
  </Service>
</Server>
"""
_CONTEXT = """\
<?xml version="1.0" encoding="UTF-8"?>
<Context>
  <JarScanner scanClassPath="false" scanManifest="false" />
</Context>
"""
_WEB = """\
<?xml version="1.0" encoding="UTF-8"?>
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet>
    <servlet-name>default</servlet-name>
    <servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet>
    <servlet-name>jsp</servlet-name>
    <servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
    <load-on-startup>3</load-on-startup>
  </servlet>
  <servlet-mapping><servlet-name>default</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
  <servlet-mapping><servlet-name>jsp</servlet-name><url-pattern>*.jsp</url-pattern></servlet-mapping>
  <mime-mapping><extension>html</extension><mime-type>text/html</mime-type></mime-mapping>
  <mime-mapping><extension>css</extension><mime-type>text/css</mime-type></mime-mapping>
  <welcome-file-list><welcome-file>index.html</welcome-file></welcome-file-list>
</web-app>
"""
_LOGGING = """\
handlers = java.util.logging.ConsoleHandler
.handlers = java.util.logging.ConsoleHandler
java.util.logging.ConsoleHandler.level = INFO
java.util.logging.ConsoleHandler.formatter = org.apache.juli.OneLineFormatter
"""


class Tomcat(Scripted):
    """One Tomcat. ``home`` is its base: bin/startup.sh, webapps/, logs/catalina.out."""

    SERVICE = "tomcat"

    def __init__(self, ground: Ground, name: str = "tomcat", *, host: str = "127.0.1.1") -> None:
        self.ground = ground
        self.home = ground.claim(f"{name}/tomcat")
        self.host = host
        self.port = free_port(host)
        self.health_path = "/health"
        self.webapps = self.home / "webapps"
        self.log = self.home / "logs" / "catalina.out"
        self._stop_port = free_port(host)
        self._log_start = 0

    def prepare(self) -> None:
        """The base with ROOT.war of version 1.0.0, nothing started.

        Raises:
            Unavailable: no Tomcat or no Java here.
        """
        java = Path("/usr/bin/java")
        if not (HOME / "bin" / "catalina.sh").exists() or not java.exists():
            raise Unavailable("no tomcat10-common or no JRE: run deploy/system-packages.sh")
        for name in ("bin", "conf", "lib", "logs", "run", "temp", "webapps", "work"):
            self.ground.account.make_folder(self.home / name)
        write = self.ground.write
        for name, verb in (("startup.sh", "start"), ("shutdown.sh", "stop 15 -force")):
            write(self.home / "bin" / name, _SCRIPT.format(home=HOME, verb=verb), mode=0o755)
        write(self.home / "bin" / "setenv.sh", _SETENV.format(jre=java.resolve().parent.parent))
        ports = {"host": self.host, "port": self.port, "stop_port": self._stop_port}
        write(self.home / "conf" / "server.xml", _SERVER.format(**ports))
        write(self.home / "conf" / "context.xml", _CONTEXT)
        write(self.home / "conf" / "web.xml", _WEB)
        write(self.home / "conf" / "logging.properties", _LOGGING)
        (self.home / "lib" / "jdt.jar").symlink_to(_COMPILER)
        write(self.webapps / "ROOT.war", war("1.0.0"))

    def start(self) -> None:
        """Run startup.sh and wait until the log says that it is up.

        Raises:
            RuntimeError, TimeoutError: it did not come up.
        """
        self.launch()
        self.await_up()

    def launch(self) -> None:
        """Run startup.sh without waiting, so that several come up at the same time."""
        if not self.home.exists():
            self.prepare()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        self.script("startup.sh")

    def await_up(self) -> None:
        """Wait for ``Server startup in``, after what the log had before ``launch``.

        Raises:
            RuntimeError: its process has ended; the end of its log is quoted.
        """

        def up() -> bool:
            if self.pid is None:
                raise RuntimeError(f"Tomcat has ended: {processes.tail(self.log)}")
            return b"Server startup in [" in self.log.read_bytes()[self._log_start :]

        processes.await_true(up, f"Tomcat at {self.host}:{self.port}; {self.log}", timeout_s=400)

    @property
    def version(self) -> str:
        """The version that runs, as its health page says; empty when it does not."""
        with suppress(OSError, http.client.HTTPException):
            status, body = get(self.host, self.port, self.health_path)
            words = body.decode("utf-8", "replace").split()
            return words[1] if status == 200 and len(words) > 1 else ""
        return ""
