"""The tables of readings: numbers that nodes have shown, and the limits that they are held to.

Owns: samples of nodes over time, and what a site has set of a system or one of its nodes.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from cmdb.columns import UtcDateTime
from cmdb.models.table import Json, Table, json_column


class SampleRow(Table, table=True):
    """One number of a node at one instant. Dropped when it is old."""

    __tablename__ = "samples"

    node_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, primary_key=True, index=True)
    value: float


class LimitRow(Table, table=True):
    """Only what a site has given; the rest is the system's, or the core's own numbers.

    ``node_id`` empty: of the whole system.
    """

    __tablename__ = "limits"

    system_code: str = Field(primary_key=True, foreign_key="systems.code")
    node_id: str = Field(primary_key=True, default="")
    given: Json = json_column()
