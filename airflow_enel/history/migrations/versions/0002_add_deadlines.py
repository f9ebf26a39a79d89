"""Add what the target of a run was made of: its source and the deadline.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("enel_runs", sa.Column("target_source", sa.String(length=20), nullable=True))
    moment = sa.DateTime(timezone=True)
    op.add_column("enel_runs", sa.Column("deadline_at", moment, nullable=True))


def downgrade() -> None:
    """Take back."""
    # One by one and in place: a copied table would lose the rows that refer to it.
    op.drop_column("enel_runs", "deadline_at")
    op.drop_column("enel_runs", "target_source")
