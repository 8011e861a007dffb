"""0004: what people are asked to approve, and who opened a mission.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, add the column; of what is there already nobody knows who opened it."""
    op.add_column("missions", sa.Column("opened_by", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("session", sa.String(128), nullable=False),
        sa.Column("mission", sa.String(32), nullable=False),
        sa.Column("waiting", sa.String(64), nullable=True),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("approvals_state", "approvals", ["state", "until"])
    op.create_index("approvals_session", "approvals", ["session"])
    op.create_index("approvals_mission", "approvals", ["mission"])
    op.create_index("approvals_waiting", "approvals", ["waiting"], unique=True)


def downgrade() -> None:
    """Drop them again."""
    for name in ("waiting", "mission", "session", "state"):
        op.drop_index(f"approvals_{name}", "approvals")
    op.drop_table("approvals")
    op.drop_column("missions", "opened_by")
