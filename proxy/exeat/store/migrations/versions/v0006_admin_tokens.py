"""0006: callers of the admin API.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, empty: the token in the file is not in it."""
    op.create_table(
        "admin_tokens",
        sa.Column("id", sa.String(13), primary_key=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("used_at", sa.Float, nullable=True),
        sa.Column("revoked_at", sa.Float, nullable=True),
    )
    unrevoked = sa.text("revoked_at IS NULL")
    op.create_index(
        "admin_tokens_name", "admin_tokens", ["name"], unique=True, sqlite_where=unrevoked, postgresql_where=unrevoked
    )


def downgrade() -> None:
    """Drop it again."""
    op.drop_index("admin_tokens_name", "admin_tokens")
    op.drop_table("admin_tokens")
