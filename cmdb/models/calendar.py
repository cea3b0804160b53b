"""The tables of when systems may be changed.

Owns: freezes and weekly windows. Times of day are Korean, as people wrote them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field

from cmdb.models.table import Json, Table, instant, json_column


class FreezeRow(Table, table=True):
    """Of one institution or of one system. One that was lifted ends when it was."""

    __tablename__ = "freezes"
    __table_args__ = (
        CheckConstraint("(institution IS NULL) <> (system_code IS NULL)", name="one_scope"),
    )

    freeze_id: str = Field(primary_key=True)
    who: str
    why: str = Field(sa_type=Text)
    start: datetime = instant()
    until: datetime = instant()
    institution: str | None = Field(default=None, foreign_key="institutions.name")
    system_code: str | None = Field(default=None, foreign_key="systems.code")
    environments: Json = json_column()


class WindowRow(Table, table=True):
    __tablename__ = "windows"

    system_code: str = Field(primary_key=True, foreign_key="systems.code")
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    weekdays: Json = json_column()  # 0: Monday
    begin: str  # HH:MM
    end: str  # HH:MM
    environments: Json = json_column()
