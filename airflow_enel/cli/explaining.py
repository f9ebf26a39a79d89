"""``airflow enel explain``: prints why a run had the executors that it had."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any, Final

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console
from rich.padding import Padding

from airflow_enel.cli.alternatives import alternatives_table, percent
from airflow_enel.cli.explanation import ExplainedDecision, ExplainedRun, explained
from airflow_enel.cli.output import counted, moment, print_object, reported_errors, say
from airflow_enel.domain import IMPORTED, Run, RunOutcome
from airflow_enel.history.interface import DecisionStatus, RunRow
from airflow_enel.history.sql.repository import SqlHistory

_RIGHT: Final = 0.01
_UNANSWERED: Final = {
    DecisionStatus.INTENDED: "it is not known whether Spark was asked",
    DecisionStatus.UNANSWERED: "the application did not answer",
    DecisionStatus.REFUSED: "refused",
    DecisionStatus.ACCEPTED: "accepted",
}


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def explain(args: Namespace) -> None:
    """Print the decisions of one run, and how it ended."""
    with reported_errors():
        history = SqlHistory()
        row = _run(history, args)
        run = explained(row, history.decisions(row.id))
    if args.output == "json":
        print_object(_values(run))
        return
    _print_run(run, full=args.full)


def _run(history: SqlHistory, args: Namespace) -> RunRow:
    """Return the run that the arguments name.

    :raises SystemExit: if it is none, or several
    """
    task = (args.dag_id, args.run_id, args.task_id)
    if args.run is not None:
        if any(name is not None for name in task):
            raise SystemExit("give either RUN, or --dag-id, --run-id and --task-id")
        return _run_by_id(history, args.run)
    if None in task:
        raise SystemExit("give RUN, or all of --dag-id, --run-id and --task-id")
    row = history.application(*task, args.map_index).run
    if row is None:
        raise SystemExit(
            f"no Spark application is known of task {args.task_id!r} in DAG run {args.run_id!r} of "
            f"DAG {args.dag_id!r}; of a mapped task give --map-index"
        )
    return row


def _run_by_id(history: SqlHistory, prefix: str) -> RunRow:
    found = history.runs_beginning(prefix) if prefix else ()
    if not found:
        raise SystemExit(
            f"no such run: {prefix[:40]!r}; the log of its task tells its id, or name the task by "
            "--dag-id, --run-id and --task-id"
        )
    if len(found) > 1:
        listed = "".join(f"\n{row.id}  {_task(row)}" for row in found)
        raise SystemExit(f"several runs begin with {prefix!r}, write more of one:{listed}")
    return found[0]


def _task(row: RunRow) -> str:
    key = row.run.key
    index = "" if key.map_index < 0 else f" [{key.map_index}]"
    return f"task {key.task_id}{index}, DAG run {key.run_id} of {key.dag_id}"


# For people


def _print_run(run: ExplainedRun, *, full: bool) -> None:
    console = Console()
    for line in _head(run.row):
        say(console, line)
    if not run.decisions:
        imported = run.row.run.policy == IMPORTED
        why = "it was imported from an event log" if imported else "none was recorded"
        console.print()
        say(console, f"No decisions: {why}.")
    for decision in run.decisions:
        _print_decision(console, decision, full=full)
    quiet = sum(decision.is_quiet for decision in run.decisions)
    if quiet and not full:
        console.print()
        say(console, f"{counted(quiet, 'forecast')} left out where nothing changed: see --full")
    console.print()
    say(console, "Outcome")
    for line in _outcome(run):
        say(console, line, indent=2)


def _head(row: RunRow) -> list[str]:
    run = row.run
    bounds = f"{run.bounds.minimum} to {run.bounds.maximum} executors"
    return [
        f"Run {row.id}",
        f"job {run.job_key} of DAG {run.key.dag_id}, submitted {moment(run.submitted_at)}",
        _task(row) + f", try {run.key.submit_try}",
        f"policy {run.policy}, {bounds}, {_target(run)}{_risk(run)}",
    ]


def _target(run: Run) -> str:
    if run.runtime_target_s is None:
        return "no target"
    source = "" if run.target_source is None else f" from {run.target_source.value}"
    deadline = "" if run.deadline_at is None else f" (to end by {moment(run.deadline_at)})"
    if not run.runtime_target_s:
        return f"no time was left for it: target 0 s{source}{deadline}"
    return f"target {run.runtime_target_s:,.0f} s{source}{deadline}"


def _risk(run: Run) -> str:
    return "" if run.risk is None else f", risk {run.risk:.0%}"


def _print_decision(console: Console, decision: ExplainedDecision, *, full: bool) -> None:
    when = "before the start"
    if decision.epoch:
        finished = counted(decision.finished, "component")
        when = f"{decision.elapsed_s:,.0f} s after the start, {finished} finished"
    console.print()
    say(console, f"Decision {decision.epoch}, {when}")
    say(console, decision.reason, indent=2)
    if decision.guards:
        before, steps = decision.proposed, []
        for note in decision.guards:
            steps.append(f"{note.guard} {before} → {note.executors}")
            before = note.executors
        say(console, f"the policy wanted {decision.proposed}; guards: {', '.join(steps)}", indent=2)
    if decision.miss_probability is not None:
        say(console, f"P(miss) {percent(decision.miss_probability)}", indent=2)
    if decision.alternatives and (full or not decision.is_quiet):
        say(console, "if the number stayed until the end:", indent=2)
        table = alternatives_table(decision.alternatives, decision.executors)
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
    if full or not decision.is_quiet:
        say(console, _request(decision), indent=2)


def _request(decision: ExplainedDecision) -> str:
    """What was asked of Spark, and what it really had."""
    answer, later = decision.answer, decision.executors_later
    had = "" if later is None else f"; at the next decision {later} took tasks"
    asked = f"asked for {decision.executors}"
    if decision.epoch == 0:
        return f"submitted with {decision.executors}{had}"
    if answer is None:
        return f"{asked}: {_UNANSWERED[decision.status]}{had}"
    told = "accepted" if answer.accepted else f"refused ({answer.message or 'without a reason'})"
    return f"{asked}: {told}, Spark had {answer.executors} at that moment{had}"


def _outcome(run: ExplainedRun) -> list[str]:
    outcome = run.row.outcome
    if outcome is None:
        return ["it has not ended yet, as far as is known", *_warning(run.row)]
    counts = (
        f"{outcome.executor_seconds:,.0f} executor-seconds",
        counted(outcome.rescales, "rescale"),
        counted(outcome.reversals, "reversal"),
        f"{counted(outcome.executors_lost, 'executor')} lost",
    )
    runtime = "" if outcome.runtime_s is None else f" after {outcome.runtime_s:,.0f} s"
    return [
        f"{outcome.state.value}{runtime}",
        *_start_forecast(run),
        *_warning(run.row),
        _target(run.row.run) + _violation(run.row.run, outcome),
        ", ".join(counts),
    ]


def _warning(row: RunRow) -> list[str]:
    """When the callbacks of ``on_expected_miss`` were called, if they were."""
    if row.miss_warned_at is None:
        return []
    started_at = None if row.outcome is None else row.outcome.started_at
    when = f"at {moment(row.miss_warned_at)}"
    if started_at is not None:
        when = f"{row.miss_warned_at - started_at:,.0f} s after the start"
    return [f"on_expected_miss was called {when}"]


def _violation(run: Run, outcome: RunOutcome) -> str:
    if run.runtime_target_s is None or outcome.runtime_s is None:
        return ""
    if not run.runtime_target_s and run.deadline_at is not None and outcome.ended_at is not None:
        after_s = outcome.ended_at - run.deadline_at
        side = "after" if after_s >= 0 else "before"
        return f"; ended {abs(after_s):,.0f} s {side} the deadline"
    left_s = run.runtime_target_s - outcome.runtime_s
    return (
        f", met with {left_s:,.0f} s to spare" if left_s >= 0 else f", missed by {-left_s:,.0f} s"
    )


def _start_forecast(run: ExplainedRun) -> list[str]:
    error = run.forecast_error
    if run.expected_s is None or error is None:
        return []
    more = "more" if error > 0 else "less"
    return [
        f"expected before the start: {run.expected_s:,.0f} s, {abs(error):.0%} {more} than that"
    ]


# For programs


def _values(run: ExplainedRun) -> dict[str, Any]:
    row = run.row
    return {
        "id": row.id,
        "state": row.state.value,
        "run": asdict(row.run) | {"context": dict(row.run.context)},
        "decisions": [asdict(decision) for decision in run.decisions],
        "outcome": None if row.outcome is None else asdict(row.outcome),
        "miss_warned_at": row.miss_warned_at,
        "expected_s": run.expected_s,
        "forecast_error": run.forecast_error,
    }
