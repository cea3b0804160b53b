"""What all tables share.

Owns: the one catalogue of names, and how JSON and instants are declared. Enums are strings,
instants aware UTC, values JSON.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, MetaData
from sqlmodel import Field, SQLModel

from cmdb.columns import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Json = Any  # what a JSON column holds; cmdb.serial gives it its type


def json_column(*, nullable: bool = False) -> Any:
    # none_as_null: an absent value is SQL's NULL, not JSON's.
    return Field(
        default=None, sa_type=JSON(none_as_null=True), sa_column_kwargs={"nullable": nullable}
    )


def instant() -> Any:
    return Field(sa_type=UtcDateTime, nullable=False)


def maybe_instant() -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=True)


class Table(SQLModel):
    """A row class of ours."""

    metadata: ClassVar[MetaData] = METADATA
