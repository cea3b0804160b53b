"""People and how messengers name them.

Owns: roles, the person behind a message, row-level sight. A display name is never identity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """What a person is to the estate."""

    DEVELOPER = "developer"
    OPERATOR = "sm"
    PART_LEADER = "sm_lead"
    PM = "pm"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalId:
    """A person as one messenger knows them: (adapter, tenant, immutable id)."""

    adapter: str
    tenant: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A person with their rights as they are now.

    ``institutions`` are official names; ``all_institutions`` stands for every one of them.
    """

    person_id: str
    name: str
    role: Role
    institutions: frozenset[str] = field(default_factory=frozenset)
    all_institutions: bool = False

    def may_see(self, institution: str) -> bool:
        """Whether rows of this institution exist for this person at all."""
        return self.all_institutions or institution in self.institutions
