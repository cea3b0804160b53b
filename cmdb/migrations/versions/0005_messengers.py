"""What messengers remember, linking codes, and which identities people have linked themselves.

Owns: revision 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "messenger_memory",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("adapter", "key", name=op.f("pk_messenger_memory")),
    )
    op.create_index(op.f("ix_messenger_memory_at"), "messenger_memory", ["at"], unique=False)
    op.create_table(
        "identity_codes",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("code_digest", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_identity_codes")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_identity_codes_code_digest")),
    )
    op.add_column("external_ids", sa.Column("linked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("external_ids", "linked_at")
    op.drop_table("identity_codes")
    op.drop_table("messenger_memory")
