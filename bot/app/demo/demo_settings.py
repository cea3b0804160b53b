"""The settings files of the demo's bot and agent.

Owns: their text. Must not know how they are read.
"""

from __future__ import annotations

import json
from pathlib import Path

# Of its own, so that the estate's other systems stay behind agents that nobody has started.
AGENT = "DEMO-PC-01"


def write_bot_settings(folder: Path, *, port: int) -> Path:
    """``guardia.toml`` in this folder, for a bot on loopback that signs people in by cards."""
    file = folder / "guardia.toml"
    file.write_text(
        "# Written by guardia demo at every start\n"
        f"data_dir = {_quoted(folder / 'bot')}\n"
        f'\n[server]\nhost = "127.0.0.1"\nport = {port}\n'
        '\n[web]\nsign_in = "cards"\n'
        "\n[sources]\nlocal = true\n",
        "utf-8",
    )
    return file


def write_agent_settings(folder: Path, *, port: int) -> Path:
    """``agent/agent.toml`` below this folder, for an agent that reaches loopback only."""
    home = folder / "agent"
    home.mkdir(mode=0o700, exist_ok=True)
    file = home / "agent.toml"
    file.write_text(
        "# Written by guardia demo at every start\n"
        f'name = "{AGENT}"\n'
        f'bot_url = "ws://127.0.0.1:{port}/agent/v1/link"\n'
        f"state_dir = {_quoted(home / 'state')}\n"
        f"enrolment_token_file = {_quoted(home / 'enrol.token')}\n"
        '\n[guard]\nallowed_hosts = ["127.0.0.1/32"]\napproval_environments = ["prod"]\n',
        "utf-8",
    )
    return file


def _quoted(path: Path) -> str:
    # A JSON string without control characters is a TOML basic string.
    return json.dumps(str(path), ensure_ascii=False)
