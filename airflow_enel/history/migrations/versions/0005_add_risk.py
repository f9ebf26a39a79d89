"""Add the probability to miss a target that its user accepts.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("enel_runs", sa.Column("risk", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("enel_runs", "risk")
