"""0002: what a mission may use up, which models it may call, who delegated to it, why it ended.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there already is unbounded, as it was."""
    op.add_column("missions", sa.Column("models", sa.Text, nullable=False, server_default="[]"))
    op.add_column("missions", sa.Column("idle", sa.Float, nullable=True))
    op.add_column("missions", sa.Column("budget", sa.Text, nullable=False, server_default="{}"))
    op.add_column("missions", sa.Column("parent", sa.String(32), nullable=False, server_default=""))
    op.add_column("missions", sa.Column("cause", sa.Text, nullable=False, server_default=""))
    op.create_index("missions_parent", "missions", ["parent"])


def downgrade() -> None:
    """Drop them again."""
    op.drop_index("missions_parent", "missions")
    for name in ("cause", "parent", "budget", "idle", "models"):
        op.drop_column("missions", name)
