"""The sample packages of the demo, and version 1.0.0 that its nodes begin with.

Owns: the files of each version of the little budget application, and zips of them whose bytes
are the same on every run. Must not know where they are deployed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

FIRST = "1.0.0"
_MOMENT = (2026, 3, 28, 9, 0, 0)  # fixed, so that the same package always has the same digest
_COLOURS = {
    "1.0.0": "#37506b",
    "1.1.0": "#0b5cad",
    "1.1.1": "#0b6b63",
    "1.2.0": "#7a2f8f",
    "1.3.0": "#8a5a00",
}
_NEWS = {
    "1.0.0": "예산시스템에 오신 것을 환영합니다.",
    "1.1.0": "로그인 화면 문구가 바뀌었습니다. 비밀번호는 분기마다 변경해 주십시오.",
    "1.1.1": "3월 31일 18시부터 정기 점검이 있습니다. 작업 중인 내용을 미리 저장해 주십시오.",
    "1.2.0": "동시 접속자가 늘어 연결 수를 늘렸습니다.",
    "1.3.0": "본인인증 모듈이 교체되었습니다. 처음 한 번 다시 인증해 주십시오.",
}


def application_files(version: str, *, pool_size: int = 40) -> dict[str, bytes]:
    """Every file of that version by its path below the deploy path."""
    return {
        **_screen(version),
        "WEB-INF/classes/budget.properties": _properties(version, pool_size).encode(),
        # A class file's first eight bytes (magic, Java 8) and a body that differs by version.
        "WEB-INF/classes/kr/go/moef/budget/LoginView.class": b"\xca\xfe\xba\xbe\x00\x00\x00\x34"
        + f"LoginView {version}".encode() * 40,
    }


def write_packages(folder: Path) -> tuple[Path, ...]:
    """Write the sample zips into this folder: a good one, a broken one, one without a restart."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = {
        "budget-1.1.0.zip": application_files("1.1.0"),
        "budget-1.2.0-broken.zip": application_files("1.2.0", pool_size=80),
        "budget-1.1.1-html.zip": {"index.html": _screen("1.1.1")["index.html"]},
    }
    written = []
    for name, files in packages.items():
        draft = folder / f"{name}.new"
        _write_zip(draft, files)
        written.append(draft.replace(folder / name))
    return tuple(written)


def _write_zip(target: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=_MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            archive.writestr(entry, files[path])


def _screen(version: str) -> dict[str, bytes]:
    values = {"@VERSION@": version, "@NEWS@": _NEWS[version], "@COLOUR@": _COLOURS[version]}
    pages = {
        "index.html": "index.html",
        "assets/app.css": "app.css",
        "assets/app.js": "app.js",
    }
    folder = resources.files("bot.app.demo").joinpath("screen")
    screen = {}
    for path, name in pages.items():
        text = folder.joinpath(name).read_text("utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        screen[path] = text.encode()
    return screen


def _properties(version: str, pool_size: int) -> str:
    return (
        "# Read once, when the application starts\n"
        f"app.name=budget\napp.version={version}\n"
        "datasource.driver=org.postgresql.Driver\n"
        "datasource.url=jdbc:postgresql://moef-budget-prod-db01:5432/budget\n"
        f"datasource.pool.size={pool_size}\n"
        "login.session.minutes=30\n"
    )
