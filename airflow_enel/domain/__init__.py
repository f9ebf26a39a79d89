"""Domain types: frozen dataclasses that all layers share and that import none of them.

Times of day are ``*_at``: seconds since the epoch by the clock of the Spark driver.
Durations are ``*_s``: seconds. Scale-outs are numbers of executors.
"""

from airflow_enel.domain.agent import AgentAccess, AgentAddress
from airflow_enel.domain.component_forecast import ComponentForecast, FailureRegime, Plant
from airflow_enel.domain.context import NO_CONTEXT, ContextValue, RunContext
from airflow_enel.domain.decision import Decision, GuardNote, Proposal, ScaleAnswer, Step
from airflow_enel.domain.driver import DriverStatus
from airflow_enel.domain.expected_miss import ExpectedMiss
from airflow_enel.domain.forecast import Forecast
from airflow_enel.domain.job import JobRuns, training_name
from airflow_enel.domain.model import ModelFormat, ModelUnusable, TrainedModel
from airflow_enel.domain.outlook import DagRunOutlook
from airflow_enel.domain.progress import Progress
from airflow_enel.domain.run import (
    IMPORTED,
    Bounds,
    PastRun,
    RecordedRun,
    Run,
    RunKey,
    RunOutcome,
    RunState,
    TargetSource,
)
from airflow_enel.domain.snapshot import (
    Component,
    ExecutorSpan,
    ScaleOut,
    ScaleRequest,
    Snapshot,
    Stage,
    StageMetrics,
    TaskDigest,
)
from airflow_enel.domain.states import (
    ENDED_RUN_STATES,
    EXECUTED_TASK_STATES,
    FINAL_TASK_STATES,
    UNSUCCESSFUL_RUN_STATES,
)
from airflow_enel.domain.switches import NO_SWITCHES, Switches
from airflow_enel.domain.task import TaskStanding

__all__ = [
    "ENDED_RUN_STATES",
    "EXECUTED_TASK_STATES",
    "FINAL_TASK_STATES",
    "IMPORTED",
    "NO_CONTEXT",
    "NO_SWITCHES",
    "UNSUCCESSFUL_RUN_STATES",
    "AgentAccess",
    "AgentAddress",
    "Bounds",
    "Component",
    "ComponentForecast",
    "ContextValue",
    "DagRunOutlook",
    "Decision",
    "DriverStatus",
    "ExecutorSpan",
    "ExpectedMiss",
    "FailureRegime",
    "Forecast",
    "GuardNote",
    "JobRuns",
    "ModelFormat",
    "ModelUnusable",
    "PastRun",
    "Plant",
    "Progress",
    "Proposal",
    "RecordedRun",
    "Run",
    "RunContext",
    "RunKey",
    "RunOutcome",
    "RunState",
    "ScaleAnswer",
    "ScaleOut",
    "ScaleRequest",
    "Snapshot",
    "Stage",
    "StageMetrics",
    "Step",
    "Switches",
    "TargetSource",
    "TaskDigest",
    "TaskStanding",
    "TrainedModel",
    "training_name",
]
