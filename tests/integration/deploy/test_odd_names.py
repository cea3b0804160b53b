"""Names that a shell, a server or a person could misread: byte-exact, or refused by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from bot.core.domain.job import JobState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import (
    new_digests,
    require_discreet,
    require_same,
    require_settled,
    require_told,
)
from tests.integration.deploy.site import Site
from tests.lab import Lab, SshdOptions, application

RAN = "GUARDIA-RAN-IT"
ODD = [
    "예산 현황.html",
    "with  two spaces .html",
    'it\'s "quoted".html',
    "-rf.html",
    "--help",
    "-",
    f"$(touch {RAN}).html",
    f"`touch {RAN}`.html",
    f"; touch {RAN};.html",
    f"& touch {RAN} |.html",
    f"$HOME ${{PATH}} >{RAN}.html",
    "*.html",
    "?[a-z]{1,2}.html",
    "~root.html",
    "#!comment.html",
    "100%s %n {0}.html",
    ".hidden",
    "...",
    "é가힣漢字.html",
    "=1+1.csv",
    "<b>굵게</b>&amp;.html",
    "한" * 60 + ".html",
]
REFUSED = {
    "두 줄\n이름.html": "보이지 않는 문자",
    "carriage\rreturn.html": "보이지 않는 문자",
    "escape\x1b[31m.html": "보이지 않는 문자",
    "turned\u202etxt.exe": "보이지 않는 문자",
    "back\\slash.html": "반영 폴더를 벗어날",
    "../above.html": "반영 폴더를 벗어날",
    "a/../../above.html": "반영 폴더를 벗어날",
    "/etc/absolute.html": "반영 폴더를 벗어날",
    "C:/windows.html": "반영 폴더를 벗어날",
}


def require_nothing_ran(lab: Lab) -> None:
    """No command hidden in a name has left its mark, here or at the servers."""
    places = [lab.root, lab.account.home, Path.cwd(), Path("/")]
    found = [path for place in places[1:] for path in place.glob(RAN)]
    assert [*found, *lab.root.rglob(RAN)] == []


@pytest.mark.parametrize("without", [(), ("tar", "sha256sum")], ids=["tar", "one by one"])
async def test_odd_names_arrive_byte_exact_and_go_back_and_are_never_run(
    without: tuple[str, ...], lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1, options=SshdOptions(host_keys=("ed25519",), without=without))
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    before = node.digests()
    sent = {
        f"{folder}{name}": f"{folder}{name}".encode() for folder in ("", "-d $(x)/") for name in ODD
    }
    async with site.open():
        job = await site.deploy(sent | application("2.0.0"))
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), new_digests(sent | application("2.0.0")))
        require_nothing_ran(lab)
        await require_settled(site, lab, job)
        tell(f"셸이 오해할 수 있는 이름 {len(sent)}개", site, job)
        back = await site.approve(await site.ask(action="rollback"))
        assert back.state is JobState.SUCCEEDED, site.failed_steps(back)
        require_same(node.digests(), before)
        require_nothing_ran(lab)
        await require_settled(site, lab, back)


async def test_names_that_hide_something_are_refused_by_name(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    before = site.digests()
    async with site.open():
        for name, reason in REFUSED.items():
            answer = await site.refused(_zip_of({"index.html": b"new", name: b"x"}))
            visible = name if name.isprintable() else name.split("\n")[0][:4]
            require_told(answer, reason, visible, "받지 않았습니다")
            tell(f"올릴 때: 이름 {name!r}", site, answer)
        assert site.pool.ordered == []  # no server was even looked at
        assert site.digests() == before
        require_discreet(site)


async def test_a_zip_made_on_korean_windows_is_deployed_under_its_korean_names(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(1)
    (node,) = fleet.nodes
    site = Site(fleet=fleet, folder=tmp_path)
    before = node.digests()
    name = "화면/예산현황표.html"
    async with site.open():
        job = await site.ask(_windows_zip(name, b"<h1>cp949</h1>"))
        require_told(site.world.messenger.at(job.card).now, name, "CP949")
        job = await site.approve(job)
        assert job.state is JobState.SUCCEEDED, site.failed_steps(job)
        require_same(node.digests(), before | new_digests({name: b"<h1>cp949</h1>"}))
        await require_settled(site, lab, job)
        tell("CP949 이름이 든 zip", site, job)


async def test_whatever_stands_in_the_way_is_named_before_the_plan(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2, web=False), folder=tmp_path)
    outside = lab.account.make_folder(lab.root / "outside")
    first, second = (node.deploy_path for node in site.fleet.nodes)
    lab.account.make_folder(first / "img" / "logo.png")  # a folder where a file is wanted
    (first / "shared").symlink_to(outside)  # a way out of the deploy path
    (second / "conf.xml").symlink_to(outside / "conf.xml")
    (second / "js").write_bytes(b"a file where a folder is wanted")
    before = site.digests()
    wanted = ("img/logo.png", "shared/page.html", "conf.xml", "js/main.js")
    async with site.open():
        answer = await site.refused(dict.fromkeys((*wanted, "index.html"), b"new"))
        require_told(answer, "4곳", "폴더가 있음: img/logo.png (was01)")
        require_told(answer, "링크를 지나감: shared/page.html (was01); conf.xml (was02)")
        require_told(answer, "파일 아래이거나 특수 파일: js/main.js (was02)")
        assert {kind for _, kind in site.pool.ordered} == {"fingerprint_files", "preflight"}
        assert site.digests() == before
        assert list(outside.iterdir()) == []
        require_discreet(site)
        tell("계획 전: 폴더, 링크, 파일이 자리를 막음", site, answer)


def _zip_of(files: dict[str, bytes]) -> bytes:
    """An archive with any names at all; zipfile itself would mend some."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, content)
    return buffer.getvalue()


def _windows_zip(name: str, content: bytes) -> bytes:
    """A name in CP949 that does not say so, as Windows' own tools write it."""
    raw = name.encode("cp949")
    placeholder = "~" * len(raw)
    return _zip_of({placeholder: content}).replace(placeholder.encode(), raw)
