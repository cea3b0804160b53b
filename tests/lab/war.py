"""A tiny web application archive, built without a compiler: one JSP, compiled by Tomcat.

Owns: its files. ``context-fails`` names a listener class that is not there, as a forgotten jar
does: SEVERE, ClassNotFoundException, and every path answers 404 while the port is open.
"""

from __future__ import annotations

import io
import zipfile
from typing import Literal

WarMode = Literal["ok", "context-fails", "init-fails"]
_PAGE = """\
<%@ page contentType="text/plain; charset=UTF-8" session="false" %><%!
public void jspInit() {{ {init} }}
%><%= "UP {version}\\n" %>"""
_WEB_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0" metadata-complete="true">
  {listener}<servlet>
    <servlet-name>health</servlet-name>
    <jsp-file>/WEB-INF/health.jsp</jsp-file>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet-mapping>
    <servlet-name>health</servlet-name>
    <url-pattern>/health</url-pattern>
  </servlet-mapping>
</web-app>
"""
_MISSING = "<listener><listener-class>kr.go.lab.Missing</listener-class></listener>"
_FAILING = 'if (true) throw new IllegalStateException("mode=init-fails");'


def war_files(version: str, *, mode: WarMode = "ok") -> dict[str, bytes]:
    """The archive's files by path: /health says ``UP <version>``, /version.txt the version."""
    page = _PAGE.format(version=version, init=_FAILING if mode == "init-fails" else "")
    web = _WEB_XML.format(listener=_MISSING if mode == "context-fails" else "")
    return {
        "WEB-INF/web.xml": web.encode(),
        "WEB-INF/health.jsp": page.encode(),
        "WEB-INF/classes/app.properties": f"version={version}\nmode={mode}\n".encode(),
        "index.html": f"<h1>{version}</h1>\n".encode(),
        "version.txt": f"{version}\n".encode(),
    }


def war(version: str, *, mode: WarMode = "ok") -> bytes:
    """The archive; the same bytes for the same arguments."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(war_files(version, mode=mode).items()):
            archive.writestr(zipfile.ZipInfo(path, (2026, 4, 1, 9, 0, 0)), content)
    return body.getvalue()
