"""Add when a run was expected to end by each of its decisions.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("enel_decisions", sa.Column("expected_s", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("enel_decisions", "expected_s")
