"""Conversion between domain dataclasses and ORM records, without queries."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from airflow_enel.domain import (
    Bounds,
    Component,
    Decision,
    Forecast,
    GuardNote,
    PastRun,
    Progress,
    Proposal,
    Run,
    RunContext,
    RunKey,
    RunOutcome,
    RunState,
    ScaleAnswer,
    ScaleOut,
    ScaleRequest,
    Stage,
    StageMetrics,
    Step,
    TargetSource,
    TaskDigest,
)
from airflow_enel.domain.snapshot import input_bytes_of
from airflow_enel.history.interface import DecisionRow, DecisionStatus, RunRow
from airflow_enel.history.sql.tables import ComponentRecord, DecisionRecord, RunRecord, StageRecord
from airflow_enel.history.wire import BriefStep, adapter

_METRICS = tuple(field.name for field in fields(StageMetrics))
_OUTCOME = tuple(field.name for field in fields(RunOutcome))


def run_record(run: Run, job_id: int) -> RunRecord:
    """Return the row of a run; what is learned later is left unset."""
    return RunRecord(
        id=run.key.id,
        job_id=job_id,
        run_id=run.key.run_id,
        task_id=run.key.task_id,
        map_index=run.key.map_index,
        submit_try=run.key.submit_try,
        application=run.application,
        policy=run.policy,
        min_executors=run.bounds.minimum,
        max_executors=run.bounds.maximum,
        runtime_target_s=run.runtime_target_s,
        initial_executors=run.initial_executors,
        submitted_at=run.submitted_at,
        foreign_operator=run.foreign_operator,
        context=dict(run.context),
        target_source=None if run.target_source is None else run.target_source.value,
        deadline_at=run.deadline_at,
        risk=run.risk,
    )


def run_row(record: RunRecord, dag_id: str, job_key: str, rescales: int) -> RunRow:
    """Return a run with its outcome, if it has ended."""
    key = RunKey(dag_id, record.run_id, record.task_id, record.map_index, record.submit_try)
    source = record.target_source
    run = Run(
        key=key,
        job_key=job_key,
        application=record.application,
        policy=record.policy,
        bounds=Bounds(record.min_executors, record.max_executors),
        runtime_target_s=record.runtime_target_s,
        initial_executors=record.initial_executors,
        submitted_at=record.submitted_at,
        foreign_operator=record.foreign_operator,
        context=RunContext.of(record.context),
        target_source=None if source is None else TargetSource(source),
        deadline_at=record.deadline_at,
        risk=record.risk,
    )
    state, warned_at = RunState(record.state), record.miss_warned_at
    return RunRow(record.id, run, state, _outcome(record), rescales, warned_at)


def past_run(
    record: RunRecord,
    dag_id: str,
    job_key: str,
    components: tuple[Component, ...],
    requests: tuple[ScaleRequest, ...],
) -> PastRun:
    """Return a succeeded run as the estimators need it."""
    row = run_row(record, dag_id, job_key, 0)
    if row.outcome is None:
        raise ValueError("a past run needs an outcome")
    return PastRun.of(row.run, row.outcome, components, requests)


def outcome_values(outcome: RunOutcome) -> dict[str, Any]:
    """Return the columns of an outcome."""
    return {name: getattr(outcome, name) for name in _OUTCOME} | {"state": outcome.state.value}


def component_record(run_id: str, component: Component) -> ComponentRecord:
    """Return the row of a finished component."""
    return ComponentRecord(
        run_id=run_id,
        position=component.position,
        key=component.key,
        occurrence=component.occurrence,
        spark_job_id=component.job_id,
        started_at=component.started_at,
        finished_at=component.finished_at,
        succeeded=component.succeeded,
        added_s=component.added_s,
        disturbed=component.disturbed,
        **_scale_out_values(component.scale_out),
    )


def component(
    record: ComponentRecord, stages: tuple[Stage, ...] = (), input_bytes: int | None = None
) -> Component:
    """Return a finished component.

    :param input_bytes: of its stages, None if they are given
    """
    return Component(
        position=record.position,
        key=record.key,
        occurrence=record.occurrence,
        job_id=record.spark_job_id,
        started_at=record.started_at,
        finished_at=record.finished_at,
        succeeded=record.succeeded,
        added_s=record.added_s,
        scale_out=_scale_out(record),
        disturbed=record.disturbed,
        stages=stages,
        input_bytes=input_bytes_of(stages) if input_bytes is None else input_bytes,
    )


def stage_record(run_id: str, position: int, stage: Stage) -> StageRecord:
    """Return the row of a stage attempt."""
    digest = stage.digest
    return StageRecord(
        run_id=run_id,
        position=position,
        stage_id=stage.stage_id,
        attempt=stage.attempt,
        name=stage.name,
        tasks=stage.tasks,
        parents=list(stage.parents),
        submitted_at=stage.submitted_at,
        completed_at=stage.completed_at,
        failure=stage.failure,
        digest_count=digest and digest.count,
        digest_total_s=digest and digest.total_s,
        digest_median_s=digest and digest.median_s,
        digest_max_s=digest and digest.max_s,
        **{name: getattr(stage.metrics, name) for name in _METRICS},
        **_scale_out_values(stage.scale_out),
    )


def stage(record: StageRecord) -> Stage:
    """Return a stage attempt."""
    return Stage(
        stage_id=record.stage_id,
        attempt=record.attempt,
        name=record.name,
        tasks=record.tasks,
        parents=tuple(record.parents),
        submitted_at=record.submitted_at,
        completed_at=record.completed_at,
        failure=record.failure,
        metrics=StageMetrics(**{name: getattr(record, name) for name in _METRICS}),
        digest=_digest(record),
        scale_out=_scale_out(record),
    )


def decision_record(run_id: str, brief: BriefStep) -> DecisionRecord:
    """Return the row of a decision that was not acted upon yet."""
    step, decision = brief.step, brief.step.decision
    return DecisionRecord(
        run_id=run_id,
        epoch=decision.epoch,
        try_number=decision.try_number,
        decided_at=decision.decided_at,
        executors_before=decision.executors_before,
        proposed=decision.proposal.executors,
        proposal_reason=decision.proposal.reason,
        executors=decision.executors,
        miss_probability=decision.miss_probability,
        reason=decision.reason,
        expected_s=decision.expected_s,
        progress=_plain(Progress, step.progress),
        finished=[list(span) for span in brief.finished],
        forecast=_plain(Forecast, step.forecast) if step.forecast else None,
        guards=_plain(tuple[GuardNote, ...], decision.guards),
        status=DecisionStatus.INTENDED.value,
    )


def decision_row(record: DecisionRecord) -> DecisionRow:
    """Return a decision with its answer."""
    decision = Decision(
        epoch=record.epoch,
        try_number=record.try_number,
        decided_at=record.decided_at,
        executors_before=record.executors_before,
        executors=record.executors,
        miss_probability=record.miss_probability,
        proposal=Proposal(record.proposed, record.proposal_reason),
        guards=_from_plain(tuple[GuardNote, ...], record.guards),
        expected_s=record.expected_s,
    )
    progress = _from_plain(Progress, record.progress)
    forecast = _from_plain(Forecast, record.forecast) if record.forecast else None
    status = DecisionStatus(record.status)
    answer = None
    if record.executors_then is not None:
        accepted = status is DecisionStatus.ACCEPTED
        answer = ScaleAnswer(accepted, record.executors_then, record.answer or "")
    finished = tuple((first, last) for first, last in record.finished)
    return DecisionRow(Step(progress, forecast, decision), finished, status, answer)


def _plain(shape: Any, value: object) -> Any:
    return adapter(shape).dump_python(value, mode="json")


def _from_plain(shape: Any, value: object) -> Any:
    # Lists of JSON are our tuples: strict validation would refuse them.
    return adapter(shape).validate_python(value, strict=False)


def _outcome(record: RunRecord) -> RunOutcome | None:
    if record.executor_seconds is None:
        return None
    values = {name: getattr(record, name) for name in _OUTCOME}
    return RunOutcome(**values | {"state": RunState(record.state)})


def _scale_out_values(scale_out: ScaleOut) -> dict[str, Any]:
    return {
        "executors_at_start": scale_out.start,
        "executors_at_end": scale_out.end,
        "rescaling_fraction": scale_out.rescaling_fraction,
        "mean_executors": scale_out.mean,
    }


def _scale_out(record: ComponentRecord | StageRecord) -> ScaleOut:
    return ScaleOut(
        record.executors_at_start,
        record.executors_at_end,
        record.rescaling_fraction,
        record.mean_executors,
    )


def _digest(record: StageRecord) -> TaskDigest | None:
    if record.digest_count is None:
        return None
    return TaskDigest(
        record.digest_count,
        record.digest_total_s or 0.0,
        record.digest_median_s or 0.0,
        record.digest_max_s or 0.0,
    )
