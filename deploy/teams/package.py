"""``make teams-package``: the zip that an administrator uploads to Teams.

Owns: filling the manifest, and refusing what Teams would refuse later with less to say. Standard
library only, so that it runs without the bot.
"""

from __future__ import annotations

import argparse
import json
import re
import struct
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
ICONS = {"color.png": 192, "outline.png": 32}  # pixels a side, as Teams wants them
FIXED_TIME = (2026, 1, 1, 0, 0, 0)  # the same input gives the same zip
# https://learn.microsoft.com/microsoftteams/platform/resources/schema/manifest-schema
LONGEST = {"short": 30, "full": 100}, {"short": 80, "full": 4000}
LONGEST_COMMAND = {"title": 32, "description": 128}


def main() -> int:
    parser = argparse.ArgumentParser(description="Pack the Teams app.")
    parser.add_argument("--app-id", required=True, help="the bot's Microsoft app id")
    parser.add_argument("--address", required=True, help="https address of the bot's console")
    parser.add_argument("--to", type=Path, default=Path("dist/guardia-teams.zip"))
    given = parser.parse_args()
    try:
        pack(given.app_id, given.address, given.to)
    except ValueError as error:
        sys.stderr.write(f"not packed: {error}\n")
        return 2
    where = "Teams admin center > Manage apps > Upload new app"
    sys.stdout.write(f"{given.to}: upload it under {where}\n")
    return 0


def pack(app_id: str, address: str, to: Path) -> None:
    """Write the zip.

    Raises:
        ValueError: an id, an address or a picture is not as Teams wants it.
    """
    text = filled((HERE / "manifest.json").read_text("utf-8"), app_id, address)
    check(json.loads(text))
    pictures = {name: (HERE / name).read_bytes() for name in ICONS}
    for name, side in ICONS.items():
        if png_size(pictures[name]) != (side, side):
            raise ValueError(f"{name} is not a PNG of {side} by {side} pixels")
    to.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in {"manifest.json": text.encode(), **pictures}.items():
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def filled(text: str, app_id: str, address: str) -> str:
    """The manifest with the site's own values."""
    parts = urlsplit(address)
    if not GUID.fullmatch(app_id):
        raise ValueError(f"the app id {app_id!r} is not a GUID")
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"the address {address!r} is not like https://guardia.example.go.kr")
    values = {"APP_ID": app_id.lower(), "ADDRESS": address.rstrip("/"), "DOMAIN": parts.netloc}
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def check(manifest: dict) -> None:
    """The limits that Teams names."""
    texts = (manifest["name"], manifest["description"])
    for told, limits in zip(texts, LONGEST, strict=True):
        _check_lengths(told, limits)
    for bot in manifest["bots"]:
        for listed in bot["commandLists"]:
            if len(listed["commands"]) > 10:
                raise ValueError("more than ten commands")
            for command in listed["commands"]:
                _check_lengths(command, LONGEST_COMMAND)


def _check_lengths(told: dict, limits: dict) -> None:
    for key, limit in limits.items():
        if len(told[key]) > limit:
            raise ValueError(f"{told[key][:20]!r}… is longer than {limit} characters")


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height as the picture says."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return 0, 0
    width, height = struct.unpack(">II", content[16:24])
    return width, height


if __name__ == "__main__":
    sys.exit(main())
