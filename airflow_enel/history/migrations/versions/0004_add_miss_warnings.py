"""Add when people were told that a run will miss its target.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    moment = sa.DateTime(timezone=True)
    op.add_column("enel_runs", sa.Column("miss_warned_at", moment, nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("enel_runs", "miss_warned_at")
