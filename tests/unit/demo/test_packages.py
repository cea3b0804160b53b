"""The sample packages: same bytes every time, and what each is good for."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from bot.app.demo.application import read_properties
from bot.app.demo.packages import application_files, write_packages


def test_packages_have_the_same_bytes_every_time(tmp_path: Path) -> None:
    first = [hashlib.sha256(f.read_bytes()).digest() for f in write_packages(tmp_path / "a")]
    again = [hashlib.sha256(f.read_bytes()).digest() for f in write_packages(tmp_path / "b")]
    assert first == again


def test_the_good_package_holds_the_whole_application(tmp_path: Path) -> None:
    good = next(file for file in write_packages(tmp_path) if file.name == "budget-1.1.0.zip")
    with zipfile.ZipFile(good) as archive:
        assert set(archive.namelist()) == set(application_files("1.1.0"))
        assert "1.1.0" in archive.read("index.html").decode()


def test_every_file_of_the_next_version_differs(tmp_path: Path) -> None:
    old, new = application_files("1.0.0"), application_files("1.1.0")
    assert [path for path in old if old[path] == new[path]] == []


def test_the_broken_package_asks_for_more_than_node_2_grants(tmp_path: Path) -> None:
    file = tmp_path / "budget.properties"
    content = application_files("1.2.0", pool_size=80)["WEB-INF/classes/budget.properties"]
    file.write_bytes(content)
    assert read_properties(file)["datasource.pool.size"] == "80"


def test_the_html_package_needs_no_restart(tmp_path: Path) -> None:
    page = next(file for file in write_packages(tmp_path) if "html" in file.name)
    with zipfile.ZipFile(page) as archive:
        assert archive.namelist() == ["index.html"]
