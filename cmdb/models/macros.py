"""The table of kept commands.

Owns: macros of people and rooms.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field

from cmdb.models.table import Table, instant


class MacroRow(Table, table=True):
    """One of an owner's names, whatever its case: ``name_key``."""

    __tablename__ = "macros"
    __table_args__ = (
        UniqueConstraint("owner", "owner_key", "name_key", name="uq_macros_owner_name"),
    )

    macro_id: str = Field(primary_key=True)
    name: str
    name_key: str
    command: str = Field(sa_type=Text)
    owner: str
    owner_key: str
    made_by: str
    made_at: datetime = instant()
