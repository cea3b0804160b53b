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
    """A person as one messenger knows them: (adapter, tenant, immutable id).

    ``foreign``: they are of another organisation than the one that the adapter serves, as in a
    channel that two organisations share. It is no part of the identity.
    """

    adapter: str
    tenant: str
    user_id: str
    foreign: bool = field(default=False, compare=False)

    @property
    def tenants(self) -> tuple[str, ...]:
        """Under which tenants this identity may be listed. An id that is listed without a tenant
        is one of the adapter's own organisation: elsewhere the same id is somebody else."""
        own = (self.tenant,) if self.tenant else ()
        return own if self.foreign else (*own, "")


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
