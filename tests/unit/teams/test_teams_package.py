"""``make teams-package`` packs what Teams takes, and says what is wrong before Teams would."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "teams" / "package.py"
APP_ID = "6F0B3C1E-0D5A-4F43-9F2E-2B7A3D1C9E10"
ADDRESS = "https://guardia.example.go.kr"


def packed(to: Path, app_id: str = APP_ID, address: str = ADDRESS) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--app-id", app_id, "--address", address, "--to", to],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_package_has_manifest_and_icons_at_its_root(tmp_path: Path) -> None:
    code, _ = packed(tmp_path / "app.zip")
    assert code == 0
    with zipfile.ZipFile(tmp_path / "app.zip") as archive:
        assert set(archive.namelist()) == {"manifest.json", "color.png", "outline.png"}
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["bots"][0]["botId"] == manifest["id"] == APP_ID.lower()
    assert manifest["validDomains"] == ["guardia.example.go.kr"]
    assert manifest["bots"][0]["supportsFiles"] is True
    assert "${" not in json.dumps(manifest)


def test_the_same_input_gives_the_same_package(tmp_path: Path) -> None:
    packed(tmp_path / "one.zip")
    packed(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize(
    ("app_id", "address"),
    [
        ("", ADDRESS),
        ("guardia", ADDRESS),
        (APP_ID, "http://guardia.example.go.kr"),
        (APP_ID, "https://guardia.example.go.kr/teams"),
        (APP_ID, ""),
    ],
)
def test_a_wrong_id_or_address_is_named(tmp_path: Path, app_id: str, address: str) -> None:
    code, told = packed(tmp_path / "app.zip", app_id, address)
    assert code == 2
    assert "not packed" in told
    assert not (tmp_path / "app.zip").exists()
