"""0005: what admins add to the ceiling beside the configuration, and when each of its entries was last used.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "destinations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ticket", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
        sa.Column("added_at", sa.Float, nullable=False),
        sa.Column("removed_by", sa.Text, nullable=True),
        sa.Column("removed_at", sa.Float, nullable=True),
    )
    op.create_table(
        "destination_uses",
        sa.Column("destination", sa.String(264), primary_key=True),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("used_at", sa.Float, nullable=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("mission", sa.String(32), nullable=False),
    )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("destination_uses")
    op.drop_table("destinations")
