"""Add the switches by which people hold back the scaling of a recurring job.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "enel_switches",
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("job_key", sa.String(length=250), nullable=False),
        sa.Column("pause_in", sa.Boolean(), nullable=False),
        sa.Column("pause_out", sa.Boolean(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "job_key", name=op.f("pk_enel_switches")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("enel_switches")
