"""``airflow enel predict``: what to expect of a run that has not begun."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console
from rich.padding import Padding

from airflow_enel.cli.alternatives import (
    Alternative,
    alternatives,
    alternatives_table,
    handful,
    percent,
)
from airflow_enel.cli.output import counted, print_object, reported_errors, say
from airflow_enel.cli.recorded import target_of
from airflow_enel.control.feasibility import backed_forecast
from airflow_enel.domain import IMPORTED, NO_CONTEXT, Bounds, Run, RunContext, RunKey
from airflow_enel.domain.context import read_context
from airflow_enel.execution.open_run import OpenRun, open_run
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import JobPast, job_past
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.operators.validation import check_risk

_POLICY: Final = "enel"
_DEFAULT_BOUNDS: Final = Bounds(1, 8)  # of the operator
_LATEST: Final = 50
_log: Any = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Prediction:
    """What is expected of a run.

    :param last: that the operator has recorded, None without one
    :param alternatives: none if nothing is known
    :param is_backed: True if past runs are at enough sizes to say what others would take
    """

    request: RunRequest
    past: JobPast
    last: Run | None
    new: OpenRun
    alternatives: tuple[Alternative, ...]
    is_backed: bool


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def predict(args: Namespace) -> None:
    """Print with which size a run would start and why, and what is expected of others."""
    with reported_errors():
        found = _predict(SqlHistory(), args)
    if args.output == "json":
        print_object(_values(found))
    else:
        _print(found)


def _predict(history: SqlHistory, args: Namespace) -> _Prediction:
    rows = history.runs(args.dag_id, args.job_key, _LATEST)
    last = next((row.run for row in rows if row.run.policy != IMPORTED), None)
    known = rows[0].run.context if rows else NO_CONTEXT
    request = RunRequest(
        key=RunKey(args.dag_id, "what-if", args.job_key, -1, 1),
        job_key=args.job_key,
        application="" if last is None else last.application,
        policy=_POLICY,
        bounds=_bounds(args, _DEFAULT_BOUNDS if last is None else last.bounds),
        runtime_target_s=target_of(args.target),
        context=_context(args.context or (), known),
        risk=_risk(args.risk, last),
    )
    sizes = _sizes(args.executors, request.bounds)
    past = job_past(history, request, _log)
    new = open_run(request, past)
    forecast = new.step.forecast if past.runs else None
    backed = backed_forecast(forecast, past.runs, request.bounds)
    rows_shown: tuple[Alternative, ...] = ()
    if forecast is not None:
        shown = sizes or handful(forecast.executors, {new.step.decision.executors})
        rows_shown = alternatives(forecast, shown, 0.0, request.runtime_target_s)
    return _Prediction(request, past, last, new, rows_shown, backed is forecast)


def _bounds(args: Namespace, otherwise: Bounds) -> Bounds:
    minimum, maximum = args.min_executors, args.max_executors
    try:
        return Bounds(
            otherwise.minimum if minimum is None else minimum,
            otherwise.maximum if maximum is None else maximum,
        )
    except ValueError as error:
        _refuse(str(error))


def _risk(given: float | None, last: Run | None) -> float | None:
    if given is None:
        return None if last is None else last.risk
    try:
        check_risk(given)
    except ValueError as error:
        _refuse(f"--risk: {error}")
    return given


def _sizes(wanted: list[int] | None, bounds: Bounds) -> list[int]:
    for size in wanted or ():
        if bounds.clamp(size) != size:
            _refuse(
                f"--executors {size} is outside of {bounds.minimum} to {bounds.maximum}: set "
                "--min-executors and --max-executors as on the operator"
            )
    return wanted or []


def _context(given: Sequence[str], known: RunContext) -> RunContext:
    pairs = [pair.partition("=") for pair in given]
    for name, equals, _ in pairs:
        if not equals:
            _refuse(f"--context {name[:40]!r}: write NAME=VALUE, such as input_mib=4096")
    context, complaints = read_context(((name, value) for name, _, value in pairs), known)
    if complaints:
        _refuse(f"--context: {'; '.join(complaints)}")
    return context


def _refuse(text: str) -> NoReturn:
    raise SystemExit(text)


# For people


def _print(found: _Prediction) -> None:
    console = Console()
    request, decision = found.request, found.new.step.decision
    bounds = request.bounds
    say(console, f"job {request.job_key} of DAG {request.key.dag_id}: {_history(found)}")
    console.print()
    say(
        console,
        f"For a target of {request.runtime_target_s:,.0f} s and {bounds.minimum} to "
        f"{bounds.maximum} executors the policy {_POLICY} would",
    )
    say(console, decision.reason, indent=2)
    if decision.miss_probability is not None:
        say(console, f"P(miss) {percent(decision.miss_probability)}", indent=2)
    if found.new.shortfall is not None:
        say(console, f"the target cannot be met: {found.new.shortfall}", indent=2)
    if found.alternatives:
        console.print()
        say(console, "Expected if the number stays from start to end:")
        table = alternatives_table(found.alternatives, decision.executors)
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
    for line in _remarks(found):
        console.print()
        say(console, line)


def _history(found: _Prediction) -> str:
    runs = found.past.runs
    if not runs:
        return (
            "no past runs to learn from, so nothing is known of how long it takes (is the job key "
            "right? by default it is the task id; see also airflow enel import-history)"
        )
    sizes = ", ".join(map(str, sorted({run.initial_executors for run in runs})))
    model = found.past.model
    means = "the prior, no trained model" if model is None else f"model {model.trained.name}"
    return f"{counted(len(runs), 'past run')}, started with {sizes} executors; forecast by {means}"


def _remarks(found: _Prediction) -> list[str]:
    said = []
    if found.alternatives:
        said.append(
            f"{_POLICY} changes the number while the application runs: what it starts with need "
            "not be enough for all of it."
        )
    if found.alternatives and not found.is_backed:
        said.append("Too few sizes were tried yet: what is said of others is a guess.")
    if found.past.runs and not found.alternatives:
        said.append("The past runs do not allow to forecast anything.")
    if found.last is None:
        said.append(
            "The operator has not run it yet, so its default bounds were taken unless given by "
            "--min-executors and --max-executors."
        )
    if found.request.context:
        entries = ", ".join(f"{name}={value}" for name, value in found.request.context)
        said.append(f"Context, as in the last run unless given: {entries}")
    return said


# For programs


def _values(found: _Prediction) -> dict[str, Any]:
    request, decision, model = found.request, found.new.step.decision, found.past.model
    short = found.new.shortfall
    return {
        "dag_id": request.key.dag_id,
        "job_key": request.job_key,
        "policy": _POLICY,
        "target_s": request.runtime_target_s,
        "bounds": asdict(request.bounds),
        "context": dict(request.context),
        "past_runs": len(found.past.runs),
        "sizes_tried": sorted({run.initial_executors for run in found.past.runs}),
        "model": None if model is None else model.trained.name,
        "executors": decision.executors,
        "reason": decision.reason,
        "risk": request.risk,
        "miss_probability": decision.miss_probability,
        "expected_s": decision.expected_s,
        "shortfall": None if short is None else asdict(short) | {"late_s": short.late_s},
        "alternatives": [asdict(row) for row in found.alternatives],
        "enough_sizes_tried": found.is_backed and bool(found.alternatives),
    }
