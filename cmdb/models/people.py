"""The tables of people, rules, agents and what lets them in.

Owns: people and how messengers name them, policy rules, enrolled agents, single-use codes, and
the devices that make one-time codes.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from cmdb.models.table import Json, Table, instant, json_column, maybe_instant


class PersonRow(Table, table=True):
    __tablename__ = "people"

    person_id: str = Field(primary_key=True)
    name: str
    employee_no: str
    role: str
    institutions: Json = json_column()
    all_institutions: bool = False
    active: bool = True
    locked: bool = False


class ExternalIdRow(Table, table=True):
    """A tenant that is empty stands for the one workspace that the adapter serves. ``linked_at``:
    the person has said so by a code; an import of people leaves such a row alone."""

    __tablename__ = "external_ids"

    adapter: str = Field(primary_key=True)
    tenant: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    person_id: str = Field(foreign_key="people.person_id", index=True)
    linked_at: datetime | None = maybe_instant()


class RuleRow(Table, table=True):
    __tablename__ = "rules"

    rule_id: str = Field(primary_key=True)
    effect: str
    rule: Json = json_column()


class AgentRow(Table, table=True):
    __tablename__ = "agents"

    name: str = Field(primary_key=True)
    verify_key: str
    seal_key: str
    enrolled_at: datetime = instant()


class AgentTokenRow(Table, table=True):
    __tablename__ = "agent_tokens"

    agent: str = Field(primary_key=True)
    token_digest: str
    until: datetime = instant()


class SignInRow(Table, table=True):
    __tablename__ = "sign_in_codes"

    person_id: str = Field(primary_key=True)
    code_digest: str = Field(unique=True)
    until: datetime = instant()


class OneTimeCodeRow(Table, table=True):
    """A person's device. Secrets are encrypted: ``secret`` is the one that its person has
    confirmed by a code, ``pending`` one that waits for that."""

    __tablename__ = "one_time_codes"

    person_id: str = Field(primary_key=True)
    secret: str | None = Field(default=None, sa_type=Text)
    pending: str | None = Field(default=None, sa_type=Text)
    last_step: int = -1  # the time step of the last code that was taken
    wrong: int = 0
    locked_until: datetime | None = maybe_instant()
