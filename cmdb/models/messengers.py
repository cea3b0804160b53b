"""The tables of messengers: what their adapters remember, and codes that link identities.

Owns: small values under keys, and one linking code a person.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from cmdb.columns import UtcDateTime
from cmdb.models.table import Json, Table, instant, json_column


class MessengerMemoryRow(Table, table=True):
    """Which report was posted where, which event was taken. Dropped when it is old."""

    __tablename__ = "messenger_memory"

    adapter: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    value: Json = json_column()
    at: datetime = Field(sa_type=UtcDateTime, nullable=False, index=True)


class IdentityCodeRow(Table, table=True):
    __tablename__ = "identity_codes"

    person_id: str = Field(primary_key=True)
    code_digest: str = Field(unique=True)
    until: datetime = instant()
