"""``airflow enel simulate``: what policies would reach on simulated clusters."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

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
from airflow_enel.execution.model_training import CannotTrain, need_torch
from airflow_enel.simulation.baselines import find_simulated_policy, is_policy
from airflow_enel.simulation.campaign import Experiment, complete_campaigns, simulate
from airflow_enel.simulation.figures import (
    Comparison,
    Figure,
    Figures,
    SeriesFigures,
    as_json,
    compare,
)
from airflow_enel.simulation.job_file import PAPER_JOBS, find_job
from airflow_enel.simulation.mode import find_mode


@providers_configuration_loaded
@action_cli(check_db=False)  # type: ignore[no-untyped-call,untyped-decorator]
def simulate_policies(args: Namespace) -> None:
    """Compare policies on simulated runs that meet the same noise."""
    experiment = _experiment(args)
    series, interrupted = _series(experiment, _processes(args.processes))
    whole = complete_campaigns(experiment, series)
    if whole:
        comparison = compare(whole)
        if args.output == "json":
            print_object(as_json(comparison))
        else:
            _print_comparison(comparison, experiment)
    if interrupted:
        done = counted(len(whole) // len(experiment.policies) // len(experiment.jobs), "campaign")
        note(f"interrupted: {done} of {experiment.campaigns} done")
        sys.exit(INTERRUPTED)


def names(given: Iterable[str] | None, otherwise: Sequence[str]) -> tuple[str, ...]:
    """Names that were given one by one or separated by commas, each of them once."""
    found = [name.strip() for text in given or otherwise for name in text.split(",")]
    return tuple(dict.fromkeys(name for name in found if name))


def _experiment(args: Namespace) -> Experiment:
    """What is to be simulated, checked before anything begins.

    :raises SystemExit: 2, with one line that says what to do
    """
    try:
        policies = names(args.policy, ())
        for policy in filter(is_policy, policies):
            find_simulated_policy(policy)
        if args.train:
            need_torch()
        return Experiment(
            policies=policies,
            jobs=tuple(map(find_job, names(args.jobs, PAPER_JOBS))),
            mode=find_mode(args.mode),
            campaigns=args.campaigns,
            seed=args.seed,
            train=args.train,
            event_logs=args.event_logs,
        )
    except (ValueError, CannotTrain) as error:
        nothing_left(str(error))


def _processes(asked: int | None) -> int:
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if asked < 1:
        nothing_left(f"--processes must be at least 1, not {asked}")
    return asked


def _series(experiment: Experiment, processes: int) -> tuple[list[SeriesFigures], bool]:
    """All series, or those that were done when somebody pressed Ctrl-C."""
    # The numbers are small: with more threads each of them would wait for the others.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    done: list[SeriesFigures] = []
    with progress("series of runs", len(experiment.plans())) as advance:
        found: Iterator[SeriesFigures] = simulate(experiment, processes)
        try:
            with closing(found):  # type: ignore[type-var]
                for series in found:
                    done.append(series)
                    advance(1)
        except KeyboardInterrupt:
            return done, True
        except OSError as error:
            nothing_left(f"event logs cannot be written: {error}")
    return done, False


def _print_comparison(comparison: Comparison, experiment: Experiment) -> None:
    console = Console()
    runs = experiment.protocol.adaptive * len(experiment.jobs)
    console.print(*texts(f"{comparison.campaigns} × {runs} runs, seed {experiment.seed}"))
    console.print(_table([(one.policy, one.all_jobs) for one in comparison.policies]))
    compared = [(one.policy, one.over_baseline) for one in comparison.policies if one.over_baseline]
    if compared:
        console.print()
        console.print(*texts(f"More than {comparison.baseline}, on the same noise"))
        console.print(_table(compared))
    for job in experiment.jobs if len(experiment.jobs) > 1 else ():
        console.print()
        console.print(*texts(f"{job.name}, target {job.target_s:.0f} s"))
        console.print(_table([(one.policy, one.by_job[job.name]) for one in comparison.policies]))
    console.print()
    console.print(
        "missed: runs that missed their target, per campaign; late: by how much together,"
    )
    console.print(
        "in minutes. exec-min: executor-minutes per run. ±: standard error over campaigns."
    )


_COLUMNS = {
    "missed": ("violations", ".1f"),
    "late": ("violation_minutes", ".0f"),
    "exec-min": ("executor_minutes_per_run", ".0f"),
    "rescales": ("rescales_per_run", ".1f"),
    "reversals": ("reversals_per_run", ".1f"),
}


def _table(rows: Iterable[tuple[str, Figures]]) -> Table:
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("policy", no_wrap=True)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for policy, figures in rows:
        cells = (_cell(figures[name], form) for name, form in _COLUMNS.values())
        table.add_row(*texts(policy), *cells)
    return table


def _cell(figure: Figure, form: str) -> str:
    error = "" if figure.standard_error is None else f" ±{figure.standard_error:{form}}"
    return f"{figure.mean:{form}}{error}"
