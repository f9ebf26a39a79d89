"""ORM records of the tables ``enel_…``, which lie in the metadata DB beside Airflow's own.

Runs, components, stages and decisions have natural keys, so that writing the same thing twice
meets the same row. Nothing refers to Airflow's tables: history outlives ``airflow db clean``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from airflow_enel.history.sql.columns import Sealed, UtcSeconds

_ID = String(250)  # as long as Airflow's own ids
_DIGEST = String(64)


class Base(DeclarativeBase):
    """What all our tables share; the schema is the connection's own, as for Airflow's tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, float: Double}  # noqa: RUF012 - SQLAlchemy reads it so


class Job(Base):
    """A recurring job: what stays the same from run to run, within one DAG."""

    __tablename__ = "enel_jobs"
    __table_args__ = (UniqueConstraint("dag_id", "job_key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dag_id: Mapped[str] = mapped_column(_ID)
    job_key: Mapped[str] = mapped_column(_ID)


class RunRecord(Base):
    """One Spark application: how it was started, where its agent is, how it ended."""

    __tablename__ = "enel_runs"
    __table_args__ = (
        # the last succeeded runs of a job, and those at one size; the last runs of a job and of
        # all; the run of a task
        Index(None, "job_id", "state", "started_at"),
        Index(None, "job_id", "state", "initial_executors", "started_at"),
        Index(None, "job_id", "submitted_at"),
        Index(None, "submitted_at"),
        Index(None, "run_id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("enel_jobs.id", ondelete="CASCADE"))
    run_id: Mapped[str] = mapped_column(_ID)
    task_id: Mapped[str] = mapped_column(_ID)
    map_index: Mapped[int]
    submit_try: Mapped[int]
    application: Mapped[str]
    policy: Mapped[str]
    min_executors: Mapped[int]
    max_executors: Mapped[int]
    runtime_target_s: Mapped[float | None]
    initial_executors: Mapped[int]
    submitted_at: Mapped[float] = mapped_column(UtcSeconds)
    foreign_operator: Mapped[bool]
    context: Mapped[dict[str, str | int | float]] = mapped_column(JSON)

    agent_host: Mapped[str | None]
    agent_port: Mapped[int | None]
    agent_token: Mapped[str | None] = mapped_column(Sealed, deferred=True, deferred_raiseload=True)

    state: Mapped[str] = mapped_column(String(20), default="submitted")
    exit_code: Mapped[int | None]
    app_id: Mapped[str | None]
    started_at: Mapped[float | None] = mapped_column(UtcSeconds)
    ended_at: Mapped[float | None] = mapped_column(UtcSeconds)
    runtime_s: Mapped[float | None]
    executor_seconds: Mapped[float | None]
    executors_at_start: Mapped[int | None]
    executors_lost: Mapped[int | None]
    rescales: Mapped[int | None]
    reversals: Mapped[int | None]
    violation_s: Mapped[float | None]
    complete: Mapped[bool | None]

    target_source: Mapped[str | None] = mapped_column(String(20))
    deadline_at: Mapped[float | None] = mapped_column(UtcSeconds)
    miss_warned_at: Mapped[float | None] = mapped_column(UtcSeconds)
    risk: Mapped[float | None]


class ComponentRecord(Base):
    """One finished Spark job of a run."""

    __tablename__ = "enel_components"

    run_id: Mapped[str] = mapped_column(
        ForeignKey("enel_runs.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str]
    occurrence: Mapped[int]
    spark_job_id: Mapped[int]
    started_at: Mapped[float] = mapped_column(UtcSeconds)
    finished_at: Mapped[float] = mapped_column(UtcSeconds)
    succeeded: Mapped[bool | None]
    added_s: Mapped[float | None]
    executors_at_start: Mapped[int]
    executors_at_end: Mapped[int]
    rescaling_fraction: Mapped[float]
    mean_executors: Mapped[float]
    disturbed: Mapped[bool]


class StageRecord(Base):
    """One stage attempt of a finished component."""

    __tablename__ = "enel_stages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "position"],
            ["enel_components.run_id", "enel_components.position"],
            ondelete="CASCADE",
        ),
    )

    run_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stage_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    tasks: Mapped[int]
    parents: Mapped[list[int]] = mapped_column(JSON)
    submitted_at: Mapped[float] = mapped_column(UtcSeconds)
    completed_at: Mapped[float | None] = mapped_column(UtcSeconds)
    failure: Mapped[str | None]

    executor_run_s: Mapped[float]
    executor_cpu_s: Mapped[float]
    gc_s: Mapped[float]
    shuffle_read_bytes: Mapped[int] = mapped_column(BigInteger)
    shuffle_write_bytes: Mapped[int] = mapped_column(BigInteger)
    input_bytes: Mapped[int] = mapped_column(BigInteger)
    output_bytes: Mapped[int] = mapped_column(BigInteger)
    memory_spilled_bytes: Mapped[int] = mapped_column(BigInteger)
    disk_spilled_bytes: Mapped[int] = mapped_column(BigInteger)
    peak_execution_memory_bytes: Mapped[int] = mapped_column(BigInteger)

    digest_count: Mapped[int | None]
    digest_total_s: Mapped[float | None]
    digest_median_s: Mapped[float | None]
    digest_max_s: Mapped[float | None]

    executors_at_start: Mapped[int]
    executors_at_end: Mapped[int]
    rescaling_fraction: Mapped[float]
    mean_executors: Mapped[float]


class DecisionRecord(Base):
    """One decision: the progress and forecast that it was made from, the request and its answer."""

    __tablename__ = "enel_decisions"

    run_id: Mapped[str] = mapped_column(
        ForeignKey("enel_runs.id", ondelete="CASCADE"), primary_key=True
    )
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    try_number: Mapped[int]
    decided_at: Mapped[float] = mapped_column(UtcSeconds)
    executors_before: Mapped[int]
    proposed: Mapped[int]
    proposal_reason: Mapped[str]
    executors: Mapped[int]
    miss_probability: Mapped[float | None]
    reason: Mapped[str]
    progress: Mapped[dict[str, Any]] = mapped_column(JSON)
    finished: Mapped[list[list[int]]] = mapped_column(JSON)
    forecast: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    guards: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(20))
    answer: Mapped[str | None]
    executors_then: Mapped[int | None]
    expected_s: Mapped[float | None]


class SwitchRecord(Base):
    """What people hold back for a recurring job, by its name."""

    __tablename__ = "enel_switches"

    dag_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    job_key: Mapped[str] = mapped_column(_ID, primary_key=True)
    pause_in: Mapped[bool]
    pause_out: Mapped[bool]
    dry_run: Mapped[bool]


class ModelRecord(Base):
    """A trained model: of one recurring job, or shared if it names none.

    The manifest is JSON, kept as the very text that the digest was made of.
    """

    __tablename__ = "enel_models"
    __table_args__ = (UniqueConstraint("name"), Index(None, "kind", "job_id", "created_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(_ID)
    kind: Mapped[str] = mapped_column(String(50))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("enel_jobs.id", ondelete="CASCADE"))
    schema_version: Mapped[int]
    manifest: Mapped[str]
    weights: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(_DIGEST)
    created_at: Mapped[float] = mapped_column(UtcSeconds)
