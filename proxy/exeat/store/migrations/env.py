"""What Alembic runs for each upgrade: on the connection that ``store.migrate`` hands over, and on no other.

Must not know: where the database is.
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
