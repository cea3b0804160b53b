"""``guardia db upgrade``, ``guardia cmdb import DIR``, ``guardia access import FILE``.

Owns: what fills the database. Prints what was done, with counts.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from nacl.public import PublicKey
from pydantic import ValidationError

from agent.wire.plan import NodeAccess
from agent.wire.seal import seal_access
from bot.app.commands.input_file import read_lines
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_audit, open_database
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.errors import ConfigurationError, UserError
from bot.core.ports import Clock
from cmdb.access import put_access
from cmdb.agents import SqlAgentStore
from cmdb.engine import upgrade
from cmdb.importers.estate_csv import import_estate, read_estate
from cmdb.inventory import SqlInventory


async def upgrade_database(settings: GuardiaSettings) -> str:
    """Bring the tables up to date."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    await upgrade(settings.application_database)
    return "the database is up to date"


async def import_cmdb(settings: GuardiaSettings, clock: Clock, folder: Path) -> str:
    """Import a folder of CSV files; all of it or nothing.

    Raises:
        ConfigurationError: every finding with file, line and column.
    """
    estate = read_estate(folder)
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        await audit.append(
            AuditEvent(kind=AuditKind.ADMIN, at=clock.now(), actor="cli", subject="cmdb import")
        )
        return str(await import_estate(engine, estate))


async def import_access(settings: GuardiaSettings, clock: Clock, file: Path) -> str:
    """Seal every access record of a JSON Lines file to its node's agent and store it.

    Raises:
        ConfigurationError: a line is no access record.
        UserError: the file cannot be read, a node is unknown, or its agent is not enrolled.
    """
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        inventory, agents = SqlInventory(engine), SqlAgentStore(engine)
        sealed = []
        for access in _records(file):
            nodes = await inventory.nodes([access.target.node_id])
            if not nodes:
                raise UserError("access_node_unknown", node=access.target.node_id)
            key = await agents.seal_key(nodes[0].agent)
            if key is None:
                raise UserError("access_agent_unknown", agent=nodes[0].agent)
            # Whatever the file says: its record replaces every one that was sealed before.
            dated = access.model_copy(update={"issued_at": clock.now()})
            sealed.append(seal_access(dated, PublicKey(base64.b64decode(key))))
        await audit.append(
            AuditEvent(
                kind=AuditKind.ADMIN,
                at=clock.now(),
                actor="cli",
                subject="access import",
                detail={"nodes": [record.node_id for record in sealed]},
            )
        )
        await put_access(engine, sealed)
    return f"{len(sealed)} access records sealed"


def _records(file: Path) -> Iterator[NodeAccess]:
    for number, line in enumerate(read_lines(file), start=1):
        try:
            yield NodeAccess.model_validate_json(line)
        except ValidationError as error:
            # Not the line itself: it carries a credential.
            raise ConfigurationError(
                "settings", file=file, key=f"line {number}", problem="no access record"
            ) from error
