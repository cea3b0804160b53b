"""The bot's settings: one frozen tree a process.

Owns: names, types, defaults and where they come from: environment (``GUARDIA_SERVER__PORT``),
then ``guardia.toml``, then defaults. Unknown keys and unknown ``GUARDIA_*`` variables are errors.
``guardia.example.toml`` is the commented reference, and a test loads it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeGuard, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from adapters.jandi.settings import JandiSettings
from adapters.slack.settings import SlackSettings
from adapters.teams.settings import TeamsSettings
from bot.core.errors import ConfigurationError

PREFIX = "GUARDIA_"
# Variables of the same prefix that belong to somebody else: the agent's own settings.
_FOREIGN = ("GUARDIA_AGENT_",)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Section):
    """Where the bot listens. Beyond loopback it speaks TLS only."""

    host: str = "127.0.0.1"
    port: int = Field(default=8300, ge=1, le=65535)
    tls_certificate: Path | None = None  # PEM, with the chain
    tls_key: Path | None = None

    @property
    def on_loopback(self) -> bool:
        return self.host in _LOOPBACK


class WebRoomSettings(_Section):
    """The web room. ``cards``: everybody picks who they are; for demonstrations on loopback."""

    sign_in: Literal["cards", "codes"] = "codes"
    session_hours: int = Field(default=12, ge=1, le=168)
    public_origin: str | None = None  # the address in the browser, behind a TLS proxy


class ApprovalSettings(_Section):
    lapse_minutes: int = Field(default=30, ge=1, le=7 * 24 * 60)


class AgentLinkSettings(_Section):
    heartbeat_s: float = Field(default=10.0, ge=0.2, le=120)
    grace_s: float = Field(default=60.0, ge=1, le=3600)  # beyond a step's own time
    patience_s: int = Field(default=60, ge=0, le=3600)  # for an agent that is away at a job's start


class AuditSettings(_Section):
    """``anchor``: the head of the chain, best on another disk than the database."""

    anchor: Path | None = None


class ModelSettings(_Section):
    """The local language model: none, a GGUF file in this process, or an address in the site."""

    engine: Literal["off", "llama", "endpoint"] = "off"
    file: Path | None = None  # llama: the GGUF
    url: str | None = None  # endpoint: http://10.0.0.5:8080/v1; private addresses only
    name: str = "local"  # endpoint: what the server calls the model
    api_key: SecretStr | None = None  # endpoint; the environment only
    chat_format: str | None = None  # llama: a name, where the GGUF brings no template
    chat_template: Path | None = None  # llama: a Jinja file instead
    threads: int = Field(default=1, ge=1, le=256)
    context: int = Field(default=4096, ge=512, le=131072)  # tokens
    examples: int = Field(default=12, ge=0, le=100)
    deadline_s: float = Field(default=4.0, ge=0.1, le=60)
    patience_s: float = Field(default=30.0, ge=1, le=600)  # summaries and overheard talk
    queue: int = Field(default=4, ge=0, le=100)
    text_limit: int = Field(default=400, ge=20, le=2000)  # characters
    confidence: float = Field(default=0.8, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> ModelSettings:
        if self.engine == "llama" and self.file is None:
            raise ValueError("file: the llama engine needs a GGUF file")
        if self.engine == "endpoint" and self.url is None:
            raise ValueError("url: the endpoint engine needs an address")
        if self.chat_format is not None and self.chat_template is not None:
            raise ValueError("chat_template: not together with chat_format")
        return self


class GuideSettings(_Section):
    """An embedding model that helps to order the guides that fit; none by default."""

    embedding_url: str | None = None  # http://10.0.0.5:8081/v1; private addresses only
    embedding_name: str = "local"  # what the server calls the model
    embedding_api_key: SecretStr | None = None  # the environment only
    embedding_deadline_s: float = Field(default=3.0, ge=0.1, le=30)


class LimitSettings(_Section):
    upload_mb: int = Field(default=300, ge=1, le=4096)


class SourceSettings(_Section):
    """Repositories that systems are deployed from, read with git."""

    deadline_s: float = Field(default=60.0, ge=1, le=600)  # of each call of git
    max_files: int = Field(default=5000, ge=1, le=5000)
    max_mb: int = Field(default=1024, ge=1, le=16384)
    local: bool = False  # whether file:/// addresses may be read
    ssh_key: Path | None = None  # else those of the account that runs the bot
    ssh_known_hosts: Path | None = None  # likewise


class TalkSettings(_Section):
    """What people say among themselves: kept redacted, for so long."""

    keep_days: int = Field(default=30, ge=1, le=365)
    advice_pause_minutes: int = Field(default=30, ge=1, le=24 * 60)  # per room and topic


class GuardiaSettings(BaseSettings):
    """Everything a site decides."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data_dir: Path = Path("var/guardia")
    language: Literal["ko", "en"] = "ko"
    # Secret where it carries a password: then only the environment may give it.
    database_url: SecretStr | None = None
    dbos_database_url: SecretStr | None = None
    replica: str = Field(default="bot-1", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    server: ServerSettings = ServerSettings()
    web: WebRoomSettings = WebRoomSettings()
    approval: ApprovalSettings = ApprovalSettings()
    agents: AgentLinkSettings = AgentLinkSettings()
    audit: AuditSettings = AuditSettings()
    limits: LimitSettings = LimitSettings()
    sources: SourceSettings = SourceSettings()
    talk: TalkSettings = TalkSettings()
    model: ModelSettings = ModelSettings()
    guides: GuideSettings = GuideSettings()
    slack: SlackSettings = SlackSettings()
    jandi: JandiSettings = JandiSettings()
    teams: TeamsSettings = TeamsSettings()

    @model_validator(mode="after")
    def _safe(self) -> GuardiaSettings:
        if self.jandi.enabled and self.console_url is None:
            raise ValueError(
                "web.public_origin: Jandi has no buttons, so links must lead somewhere"
            )
        if not self.server.on_loopback:
            if self.web.sign_in == "cards":
                raise ValueError("web.sign_in: 'cards' is for demonstrations on loopback only")
            if self.server.tls_certificate is None or self.server.tls_key is None:
                raise ValueError(
                    "server.tls_certificate and server.tls_key are needed beyond loopback"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings)

    # --- where things lie --------------------------------------------------------------------

    @property
    def application_database(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data_dir / 'guardia.sqlite').resolve()}"

    @property
    def workflow_database(self) -> str:
        if self.dbos_database_url is not None:
            return self.dbos_database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'workflows.sqlite').resolve()}"

    @property
    def console_url(self) -> str | None:
        """Where browsers reach our own pages; None where nobody has said it."""
        if self.web.public_origin is not None:
            return self.web.public_origin
        on_loopback = self.server.on_loopback and ":" not in self.server.host
        return f"http://{self.server.host}:{self.server.port}" if on_loopback else None

    @property
    def audit_anchor(self) -> Path:
        return self.audit.anchor or self.data_dir / "anchor" / "audit.json"


def load_settings(file: Path | None) -> GuardiaSettings:
    """The settings from the environment and a TOML file.

    Args:
        file: the file; None looks for ``guardia.toml`` in the working folder.

    Raises:
        ConfigurationError: names file, key and what is wrong.
    """
    if file is None and Path("guardia.toml").is_file():
        file = Path("guardia.toml")
    _refuse_unknown_variables()
    try:
        return GuardiaSettings(**_merged(file))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "settings"
        raise ConfigurationError(
            "settings", file=file or "environment", key=key, problem=first["msg"]
        ) from error


def _merged(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = TomlConfigSettingsSource(GuardiaSettings, toml_file=file)()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError("settings", file=file, key="-", problem=error) from error
    if not file.is_file():
        raise ConfigurationError("settings", file=file, key="-", problem="no such file")
    for key in ("database_url", "dbos_database_url"):
        if "@" in str(content.get(key, "")):
            raise ConfigurationError(
                "settings", file=file, key=key, problem=f"give it as {PREFIX}{key.upper()}"
            )
    _refuse_secrets(content, file)
    return _without_environment(content)


def _refuse_secrets(content: Mapping[str, Any], file: Path) -> None:
    """No section's secret may lie in a file that people copy about."""
    for section, field in GuardiaSettings.model_fields.items():
        given = content.get(section)
        if not isinstance(given, dict) or not _is_model(field.annotation):
            continue
        for key, inner in field.annotation.model_fields.items():
            if key in given and SecretStr in (inner.annotation, *get_args(inner.annotation)):
                problem = f"give it as {PREFIX}{section.upper()}__{key.upper()}"
                raise ConfigurationError(
                    "settings", file=file, key=f"{section}.{key}", problem=problem
                )


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _without_environment(content: dict[str, Any], path: str = PREFIX) -> dict[str, Any]:
    """The file's values that no variable overrides: the environment comes first."""
    kept: dict[str, Any] = {}
    for key, value in content.items():
        variable = f"{path}{key.upper()}"
        if isinstance(value, dict):
            kept[key] = _without_environment(value, f"{variable}__")
        elif variable not in os.environ:
            kept[key] = value
    return kept


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in GuardiaSettings.model_fields}
    for variable in os.environ:
        if not variable.startswith(PREFIX) or variable.startswith(_FOREIGN):
            continue
        if variable.split("__")[0] not in known:
            raise ConfigurationError(
                "settings", file="environment", key=variable, problem="no such setting"
            )
