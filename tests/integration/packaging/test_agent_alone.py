"""The agent's wheel installs into an empty environment, and brings nothing of the bot along."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.timeout(1200)


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510 - the callers look at the status
        [str(argument) for argument in arguments], cwd=cwd, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the agent's wheel and what it needs from the lock, no more."""
    folder = tmp_path_factory.mktemp("alone")
    # A build writes into its source folder: into a copy, so that the work tree stays as it is.
    source = shutil.copytree(
        ROOT / "agent", folder / "agent", ignore=shutil.ignore_patterns("build", "*.egg-info")
    )
    built = run(
        *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"),
        *("-w", folder / "wheels", source),
        cwd=folder,
    )
    assert built.returncode == 0, built.stderr
    made = run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    (wheel,) = (folder / "wheels").glob("guardia_agent-*.whl")
    python = folder / "venv" / "bin" / "python"
    pins = folder / "pins.txt"
    lock = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    # As constraints: the locked versions, without hashes, of whatever the wheel asks for.
    pins.write_text(
        "\n".join(line.split(" ")[0] for line in lock if "==" in line and not line[0].isspace()),
        "utf-8",
    )
    installed = run(python, "-m", "pip", "install", "-q", "-c", pins, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return folder / "venv" / "bin"


def test_the_agent_runs_alone(empty_environment: Path, tmp_path: Path) -> None:
    told = run(empty_environment / "guardia-agent", "--version", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "0.1.0" in told.stdout


@pytest.mark.parametrize("module", ["bot", "actions", "cmdb", "dbos", "aiohttp", "sqlmodel"])
def test_nothing_of_the_bot_comes_along(
    empty_environment: Path, tmp_path: Path, module: str
) -> None:
    imported = run(empty_environment / "python", "-c", f"import {module}", cwd=tmp_path)
    assert imported.returncode != 0
    assert "ModuleNotFoundError" in imported.stderr


def test_every_module_of_the_agent_imports(empty_environment: Path, tmp_path: Path) -> None:
    script = (
        "import importlib, pkgutil, agent\n"
        "for m in pkgutil.walk_packages(agent.__path__, 'agent.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
    )
    imported = run(empty_environment / "python", "-c", script, cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
