"""The repositories' part of the composition root: bot and command line open them alike.

Owns: which implementation reads them, and its settings.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.app.settings import GuardiaSettings
from bot.core.ports import FileStore
from cmdb.systems import SqlSystems
from sources.git import GitSettings
from sources.repository import GitRepositories
from sources.trees import SourceLimits


def repositories_of(
    settings: GuardiaSettings, engine: AsyncEngine, files: FileStore
) -> GitRepositories:
    """The systems' repositories, their mirrors beside the other data."""
    given = settings.sources
    return GitRepositories(
        SqlSystems(engine),
        files,
        settings.data_dir.resolve() / "sources",
        settings=GitSettings(
            deadline_s=given.deadline_s,
            local=given.local,
            ssh_key=given.ssh_key,
            ssh_known_hosts=given.ssh_known_hosts,
        ),
        limits=SourceLimits(
            max_files=given.max_files,
            max_file_bytes=settings.limits.upload_mb << 20,
            max_bytes=given.max_mb << 20,
        ),
    )
