"""The agent's settings: environment ``GUARDIA_AGENT__…``, then agent.toml, then defaults.

Owns: what can be set and how a mistake is told. An unknown key or variable is a mistake too.
Knows nothing of how the settings are used. Secrets are no settings: the enrolment token is a
file, the keys are in the state folder.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from agent.devices import Devices
from agent.guard import GuardPolicy
from agent.scripts import Scripts
from agent.wire.types import AgentName

PREFIX = "GUARDIA_AGENT__"
LINK_PATH = "/agent/v1/link"


class SettingsError(Exception):
    """The settings do not hold. The message names the file or variable, the key and the fix."""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_url(text: str) -> str:
    parts: SplitResult = urlsplit(text)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError("write it as wss://HOST[:PORT]")
    if parts.scheme == "ws" and not _is_loopback(parts.hostname):
        raise ValueError("ws:// is for loopback only; use wss://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it has neither user, query nor fragment")
    if parts.path in {"", "/"}:
        parts = parts._replace(path=LINK_PATH)
    return parts.geturl()


class AgentSettings(BaseSettings):
    """Everything that can be set. ``agent.example.toml`` explains each key."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    name: AgentName
    bot_url: Annotated[str, AfterValidator(_checked_url)]
    state_dir: Path
    ca_file: Path | None = None
    enrolment_token_file: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    guard: GuardPolicy = Field(default_factory=GuardPolicy)
    devices: Devices = Field(default_factory=dict)
    scripts: Scripts = ()

    @field_validator("ca_file")
    @classmethod
    def _exists(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # The file comes in as init values (see load_settings), and the environment beats it.
        return env_settings, init_settings


def load_settings(config: Path) -> AgentSettings:
    """The settings of that file and of the process's environment.

    Relative paths in the file are relative to its folder.

    Raises:
        SettingsError: the file is missing or wrong, or a variable is unknown.
    """
    _refuse_unknown_variables(os.environ)
    try:
        values = tomllib.loads(config.read_text("utf-8"))
        return AgentSettings(**_rooted(values, config.parent))
    except FileNotFoundError as error:
        raise SettingsError(f"{config}: there is no such file; see agent.example.toml") from error
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise SettingsError(_explain(config, error)) from error
    except ValueError as error:
        raise SettingsError(f"{config} (or {PREFIX}… in the environment): {error}") from error


_PATHS = frozenset({"state_dir", "ca_file", "enrolment_token_file", "token_file", "file"})


def _rooted(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    rooted = {
        key: str(folder.absolute() / value) if key in _PATHS and isinstance(value, str) else value
        for key, value in values.items()
    }
    devices = rooted.get("devices")
    if isinstance(devices, dict):
        rooted["devices"] = {
            name: _rooted(device, folder) if isinstance(device, dict) else device
            for name, device in devices.items()
        }
    scripts = rooted.get("scripts")
    if isinstance(scripts, list):
        rooted["scripts"] = [
            _rooted(script, folder) if isinstance(script, dict) else script for script in scripts
        ]
    return rooted


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {PREFIX + name.upper() for name in AgentSettings.model_fields}
    known |= {f"{PREFIX}GUARD__{name.upper()}" for name in GuardPolicy.model_fields}
    for name in sorted(environ):
        if name.upper().startswith("GUARDIA_AGENT") and name.upper() not in known:
            raise SettingsError(
                f"environment: {name} is not known; known are {', '.join(sorted(known))}"
            )


def _explain(config: Path, error: ValidationError) -> str:
    rows = [
        f"{'.'.join(map(str, item['loc'])) or 'file'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return f"{config} (or {PREFIX}… in the environment): " + "; ".join(rows)
