"""``airflow enel replay``: what other policies would have done with the last runs of a job."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from airflow_enel.cli.output import (
    INTERRUPTED,
    counted,
    note,
    nothing_left,
    print_object,
    progress,
    texts,
)
from airflow_enel.cli.recorded import recorded_runs, target_of
from airflow_enel.cli.simulating import names
from airflow_enel.domain import Bounds
from airflow_enel.simulation.replay import Replay, ReplayPlan, replays, usable_runs
from airflow_enel.simulation.replay_report import Estimate, ReplayReport, as_json, report


@providers_configuration_loaded
@action_cli(check_db=False)  # type: ignore[no-untyped-call,untyped-decorator]
def replay_runs(args: Namespace) -> None:
    """Replay recorded runs under policies, and say what the runs cannot tell."""
    try:
        plan = _plan(args)
        found, interrupted = _replays(plan)
    except ValueError as error:
        nothing_left(str(error))
    if len(found) > len(plan.policies):
        summary = report(plan, found)
        if args.output == "json":
            print_object(as_json(summary))
        else:
            _print_report(summary)
    if interrupted:
        done = max(len(found) - 1, 0) // len(plan.policies)
        note(f"interrupted: {done} of {plan.samples + 1} replays done")
        sys.exit(INTERRUPTED)


def _plan(args: Namespace) -> ReplayPlan:
    """What is to be replayed, checked before anything begins.

    :raises ValueError: says what to do
    """
    runs = recorded_runs(args, args.runs)
    usable = usable_runs(runs)
    if len(usable) < len(runs):
        note(f"{counted(len(runs) - len(usable), 'run')} without components left out")
    plan = ReplayPlan(
        runs=usable,
        policies=names(args.policy, ()),
        target_s=target_of(args.target),
        replayed=args.runs,
        samples=args.samples,
        seed=args.seed,
    )
    least, most = args.min_executors, args.max_executors
    if least is None and most is None:
        return plan
    known = plan.allowed()
    bounds = Bounds(
        known.minimum if least is None else least, known.maximum if most is None else most
    )
    return replace(plan, bounds=bounds)


def _replays(plan: ReplayPlan) -> tuple[list[Replay], bool]:
    """All replays, or those that were done when somebody pressed Ctrl-C."""
    done: list[Replay] = []
    with progress("replays", 1 + len(plan.policies) * (plan.samples + 1)) as advance:
        try:
            for replay in replays(plan):
                done.append(replay)
                advance(1)
        except KeyboardInterrupt:
            return done, True
    return done, False


_COLUMNS = {
    "missed": ("violations", ".0f"),
    "late": ("violation_minutes", ".1f"),
    "exec-min": ("executor_minutes_per_run", ".0f"),
    "rescales": ("rescales_per_run", ".1f"),
}


def _print_report(found: ReplayReport) -> None:
    console = Console()
    low_s, high_s = found.targets_s
    targets = f"{low_s:.0f} s" if low_s == high_s else f"{low_s:.0f} to {high_s:.0f} s"
    least, most = found.bounds
    console.print(
        *texts(
            f"{found.job}: {counted(found.runs, 'run')}, target {targets}, "
            f"{least} to {most} executors"
        )
    )
    console.print(_table(found))
    console.print()
    console.print("missed: runs that missed their target; late: by how much together, in minutes.")
    console.print("exec-min: executor-minutes per run. untried: share of them at sizes that no run")
    console.print("had. In brackets: the 80 % interval. Compare policies with 'simulated': these")
    console.print("are the sizes that the runs had, by the simulator.")
    for limit in found.limits:
        console.print()
        console.print(*texts(limit))


def _table(found: ReplayReport) -> Table:
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("policy", no_wrap=True)
    for heading in (*_COLUMNS, "untried"):
        table.add_column(heading, justify="right", no_wrap=True)
    for label, figures in (
        ("as it was", found.as_it_was),
        ("simulated", found.simulated_as_it_was),
    ):
        plain = {name: Estimate(value) for name, value in figures.items()}
        table.add_row(label, *_cells(plain), "")
    table.add_section()
    for one in found.policies:
        table.add_row(*texts(one.policy), *_cells(one.figures), f"{one.untried_share:.0%}")
    return table


def _cells(figures: dict[str, Estimate]) -> Iterable[str]:
    for name, form in _COLUMNS.values():
        figure = figures[name]
        interval = "" if figure.low is None else f" ({figure.low:{form}}–{figure.high:{form}})"
        yield f"{figure.value:{form}}{interval}"
