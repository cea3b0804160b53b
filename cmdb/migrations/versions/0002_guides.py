"""Guides of the institutions.

Owns: revision 0002. A revision that has shipped is never edited; the next one changes what it made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "guides",
        sa.Column("guide_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["institution"], ["institutions.name"], name=op.f("fk_guides_institution")
        ),
        sa.PrimaryKeyConstraint("guide_id", name=op.f("pk_guides")),
    )


def downgrade() -> None:
    op.drop_table("guides")
