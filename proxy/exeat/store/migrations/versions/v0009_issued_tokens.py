"""0009: tokens that were issued outside, so that somebody can revoke them who did not mint them.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the list, empty."""
    op.create_table(
        "issued_tokens",
        sa.Column("service", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(256), primary_key=True),
        sa.Column("mission", sa.String(32), nullable=False),
        sa.Column("session", sa.String(256), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("grade", sa.String(8), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("issued_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=True),
        sa.Column("replica", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=True),
    )
    op.create_index("issued_tokens_mission", "issued_tokens", ["mission"])
    op.create_index("issued_tokens_expires_at", "issued_tokens", ["expires_at"])


def downgrade() -> None:
    """Forget it."""
    op.drop_table("issued_tokens")
