"""Guides from Markdown files: read as one with the estate, every fault by file and line."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import pytest

from bot.app import demo
from bot.core.errors import ConfigurationError
from cmdb.importers.estate_csv import read_estate

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
INSTITUTION = "기획재정부"
GOOD = f"---\ntitle: VPN 접속\ninstitution: {INSTITUTION}\n---\n\n# VPN 접속\n\n신청서를 낸다.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SMALL, tmp_path / "estate")
    (tmp_path / "estate/guides").mkdir()
    return tmp_path / "estate"


def put(folder: Path, text: str, name: str = "vpn.md") -> None:
    (folder / "guides" / name).write_bytes(text.encode())


def test_the_demos_guides_are_all_read() -> None:
    guides = read_estate(Path(demo.__file__).with_name("data")).guides or ()
    assert len(guides) == 14
    assert all(guide.institution and guide.title and guide.text for guide in guides)


def test_a_file_gives_a_guide_named_after_it(folder: Path) -> None:
    put(folder, GOOD)
    (guide,) = read_estate(folder).guides or ()
    assert (guide.guide_id, guide.title, guide.institution) == ("vpn", "VPN 접속", INSTITUTION)
    assert guide.text == "# VPN 접속\n\n신청서를 낸다."
    assert guide.source == "guides/vpn.md"


def test_a_guide_without_an_institution_is_for_everybody(folder: Path) -> None:
    put(folder, "---\ntitle: 야간 연락\n---\n관제실로 연락한다.")
    (guide,) = read_estate(folder).guides or ()
    assert guide.institution is None


def test_other_line_ends_a_byte_order_mark_and_decomposed_hangul_are_read(folder: Path) -> None:
    put(folder, "\ufeff" + unicodedata.normalize("NFD", GOOD).replace("\n", "\r\n"))
    (guide,) = read_estate(folder).guides or ()
    assert (guide.title, guide.institution) == ("VPN 접속", INSTITUTION)


def test_no_folder_says_nothing_and_an_empty_one_says_none(folder: Path) -> None:
    assert read_estate(folder).guides == ()
    (folder / "guides").rmdir()
    assert read_estate(folder).guides is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("신청서를 낸다.", "guides/vpn.md:1 -: does not begin"),
        (GOOD.replace(INSTITUTION, "없는기관"), "guides/vpn.md:3 institution: names what no"),
        (GOOD.replace("title:", "titel:"), "guides/vpn.md:1 title: Field required"),
        (GOOD.replace("title: VPN 접속", "title:"), "guides/vpn.md:2 title: "),
        (GOOD.replace("title: VPN 접속", "제목"), "guides/vpn.md:2 -: is not one"),
        (GOOD.replace("institution", "title"), "guides/vpn.md:3 -: is not one"),
        (GOOD.replace("title:", "author: 나\ntitle:"), "guides/vpn.md:2 author: "),
        ("---\ntitle: 빈 안내\n---\n \n", "guides/vpn.md:1 text: "),
        (GOOD + "가" * 100_000, "guides/vpn.md:0 -: longer than"),
    ],
)
def test_a_fault_is_found_where_it_is(folder: Path, text: str, found: str) -> None:
    put(folder, text)
    assert findings_of(folder).startswith(found)


def test_a_file_that_is_not_utf_8_is_a_finding(folder: Path) -> None:
    (folder / "guides/vpn.md").write_bytes(GOOD.encode("cp949"))
    assert findings_of(folder).startswith("guides/vpn.md:0 -: cannot be read")


def test_a_name_that_is_no_id_is_a_finding(folder: Path) -> None:
    put(folder, GOOD, "접속 안내.md")
    assert "the name is no id" in findings_of(folder)


def findings_of(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_estate(folder)
    return str(refused.value.values["findings"])
