"""Create the tables of airflow-enel 0.1.0.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _create_jobs()
    _create_runs()
    _create_components()
    _create_stages()
    _create_decisions()
    _create_models()


def downgrade() -> None:
    """Take back."""
    op.drop_table("enel_models")
    op.drop_table("enel_decisions")
    op.drop_table("enel_stages")
    op.drop_table("enel_components")
    op.drop_table("enel_runs")
    op.drop_table("enel_jobs")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _create_jobs() -> None:
    op.create_table(
        "enel_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("job_key", sa.String(length=250), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enel_jobs")),
        sa.UniqueConstraint("dag_id", "job_key", name=op.f("uq_enel_jobs_dag_id_job_key")),
    )


def _create_runs() -> None:
    op.create_table(
        "enel_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("submit_try", sa.Integer(), nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("min_executors", sa.Integer(), nullable=False),
        sa.Column("max_executors", sa.Integer(), nullable=False),
        sa.Column("runtime_target_s", sa.Double(), nullable=True),
        sa.Column("initial_executors", sa.Integer(), nullable=False),
        sa.Column("submitted_at", _moment(), nullable=False),
        sa.Column("foreign_operator", sa.Boolean(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("agent_host", sa.Text(), nullable=True),
        sa.Column("agent_port", sa.Integer(), nullable=True),
        sa.Column("agent_token", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("app_id", sa.Text(), nullable=True),
        sa.Column("started_at", _moment(), nullable=True),
        sa.Column("ended_at", _moment(), nullable=True),
        sa.Column("runtime_s", sa.Double(), nullable=True),
        sa.Column("executor_seconds", sa.Double(), nullable=True),
        sa.Column("executors_at_start", sa.Integer(), nullable=True),
        sa.Column("executors_lost", sa.Integer(), nullable=True),
        sa.Column("rescales", sa.Integer(), nullable=True),
        sa.Column("reversals", sa.Integer(), nullable=True),
        sa.Column("violation_s", sa.Double(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["enel_jobs.id"],
            name=op.f("fk_enel_runs_job_id_enel_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enel_runs")),
    )
    for columns in (
        ["job_id", "state", "started_at"],
        ["job_id", "state", "initial_executors", "started_at"],
        ["job_id", "submitted_at"],
        ["submitted_at"],
        ["run_id"],
    ):
        name = op.f(f"ix_enel_runs_{'_'.join(columns)}")
        op.create_index(name, "enel_runs", columns, unique=False)


def _create_components() -> None:
    op.create_table(
        "enel_components",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("spark_job_id", sa.Integer(), nullable=False),
        sa.Column("started_at", _moment(), nullable=False),
        sa.Column("finished_at", _moment(), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=True),
        sa.Column("added_s", sa.Double(), nullable=True),
        sa.Column("executors_at_start", sa.Integer(), nullable=False),
        sa.Column("executors_at_end", sa.Integer(), nullable=False),
        sa.Column("rescaling_fraction", sa.Double(), nullable=False),
        sa.Column("mean_executors", sa.Double(), nullable=False),
        sa.Column("disturbed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["enel_runs.id"],
            name=op.f("fk_enel_components_run_id_enel_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_enel_components")),
    )


def _create_stages() -> None:
    op.create_table(
        "enel_stages",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stage_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("parents", sa.JSON(), nullable=False),
        sa.Column("submitted_at", _moment(), nullable=False),
        sa.Column("completed_at", _moment(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("executor_run_s", sa.Double(), nullable=False),
        sa.Column("executor_cpu_s", sa.Double(), nullable=False),
        sa.Column("gc_s", sa.Double(), nullable=False),
        sa.Column("shuffle_read_bytes", sa.BigInteger(), nullable=False),
        sa.Column("shuffle_write_bytes", sa.BigInteger(), nullable=False),
        sa.Column("input_bytes", sa.BigInteger(), nullable=False),
        sa.Column("output_bytes", sa.BigInteger(), nullable=False),
        sa.Column("memory_spilled_bytes", sa.BigInteger(), nullable=False),
        sa.Column("disk_spilled_bytes", sa.BigInteger(), nullable=False),
        sa.Column("peak_execution_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest_count", sa.Integer(), nullable=True),
        sa.Column("digest_total_s", sa.Double(), nullable=True),
        sa.Column("digest_median_s", sa.Double(), nullable=True),
        sa.Column("digest_max_s", sa.Double(), nullable=True),
        sa.Column("executors_at_start", sa.Integer(), nullable=False),
        sa.Column("executors_at_end", sa.Integer(), nullable=False),
        sa.Column("rescaling_fraction", sa.Double(), nullable=False),
        sa.Column("mean_executors", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id", "position"],
            ["enel_components.run_id", "enel_components.position"],
            name=op.f("fk_enel_stages_run_id_position_enel_components"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "position", "stage_id", "attempt", name=op.f("pk_enel_stages")
        ),
    )


def _create_decisions() -> None:
    op.create_table(
        "enel_decisions",
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("decided_at", _moment(), nullable=False),
        sa.Column("executors_before", sa.Integer(), nullable=False),
        sa.Column("proposed", sa.Integer(), nullable=False),
        sa.Column("proposal_reason", sa.Text(), nullable=False),
        sa.Column("executors", sa.Integer(), nullable=False),
        sa.Column("miss_probability", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.Column("finished", sa.JSON(), nullable=False),
        sa.Column("forecast", sa.JSON(), nullable=True),
        sa.Column("guards", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("executors_then", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["enel_runs.id"],
            name=op.f("fk_enel_decisions_run_id_enel_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "epoch", name=op.f("pk_enel_decisions")),
    )


def _create_models() -> None:
    op.create_table(
        "enel_models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", _moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["enel_jobs.id"],
            name=op.f("fk_enel_models_job_id_enel_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enel_models")),
        sa.UniqueConstraint("name", name=op.f("uq_enel_models_name")),
    )
    op.create_index(
        op.f("ix_enel_models_kind_job_id_created_at"),
        "enel_models",
        ["kind", "job_id", "created_at"],
        unique=False,
    )
