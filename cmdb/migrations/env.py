"""What alembic runs: our migrations on the connection that ``cmdb.engine`` hands over."""

from __future__ import annotations

from alembic import context

from cmdb.models import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite alters a table by copying it
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
