"""What is said in rooms: messages for a while, one summary a room, and the cards of advice.

Owns: revision 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("talk_rooms", "talk_messages", "talk_summaries", "advice_cards")


def upgrade() -> None:
    _create_talk()
    _create_advice()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_talk() -> None:
    op.create_table(
        "talk_rooms",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("heard", sa.Integer(), nullable=False),
        sa.Column("advising", sa.Boolean(), nullable=False),
        sa.Column("muted_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("adapter", "channel", name=op.f("pk_talk_rooms")),
    )
    op.create_table(
        "talk_messages",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_talk_messages")),
        sa.UniqueConstraint(
            "adapter", "channel", "position", name=op.f("uq_talk_messages_adapter")
        ),
    )
    op.create_index(op.f("ix_talk_messages_at"), "talk_messages", ["at"], unique=False)
    op.create_table(
        "talk_summaries",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("upto", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("adapter", "channel", name=op.f("pk_talk_summaries")),
    )


def _create_advice() -> None:
    op.create_table(
        "advice_cards",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("adapter", "channel", "topic", name=op.f("pk_advice_cards")),
    )
