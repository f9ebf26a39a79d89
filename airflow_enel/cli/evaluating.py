"""``airflow enel evaluate``: how good each forecaster is on runs that are over."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Final

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from airflow_enel.cli.evidence import from_history, from_paths
from airflow_enel.cli.output import errors_told, note, print_json, progress, texts
from airflow_enel.cli.retraining import enel_makers
from airflow_enel.predict import BellRuntime, Conditional, Ellis, Forecaster
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.evaluation import Prediction, Score, Series, summarise, walk_forward

Maker = Callable[[], Forecaster]

FORECASTERS: Final[dict[str, Maker]] = {
    "bell": BellRuntime,
    "ellis": Ellis,
    "conditional": Conditional,
    Enel.name: Enel,
}
"""What is evaluated, by name; ``enel`` with models that are trained for it."""


@providers_configuration_loaded
@action_cli(check_db=False)  # type: ignore[no-untyped-call,untyped-decorator]
def evaluate(args: Namespace) -> None:
    """Forecast past runs by what was known before them, and compare with what came."""
    names = _names(args.forecasters)
    if args.warm_up is not None and args.warm_up < 1:
        raise SystemExit("--warm-up must be at least 1: nothing is known before the first run")
    found = _series(args, stages=Enel.name in names)
    makers = _makers(names, found, args)
    predictions: list[Prediction] = []
    with progress("runs", sum(len(series.forecast(args.warm_up)) for series in found)) as advance:
        for series, own in zip(found, makers, strict=True):
            for of_run in walk_forward(series, own, args.warm_up):
                predictions += of_run
                advance(1)
    for series in found:
        if not series.forecast(args.warm_up):
            note(f"{series.job}: {len(series.runs)} runs are too few to forecast any of them")
    scores = summarise(predictions)
    if not scores:
        raise SystemExit("nothing to evaluate: no job has enough runs with finished components")
    if args.output == "json":
        print_json(asdict(score) for score in scores)
    else:
        _print_scores(scores)


def _names(asked: str | None) -> tuple[str, ...]:
    chosen = list(FORECASTERS) if asked is None else [n.strip() for n in asked.split(",")]
    unknown = [name for name in chosen if name not in FORECASTERS]
    if unknown:
        known = ", ".join(FORECASTERS)
        raise SystemExit(f"no forecaster {unknown[0]!r}: there are {known}")
    return tuple(dict.fromkeys(chosen))


def _makers(names: tuple[str, ...], found: Sequence[Series], args: Namespace) -> list[list[Maker]]:
    """What makes the forecasters of each series."""
    enel = None
    if Enel.name in names:
        enel = enel_makers(found, args.warm_up, asked=args.forecasters is not None)
    simple = [FORECASTERS[name] for name in names if name != Enel.name]
    return [simple if enel is None else [*simple, enel[i]] for i in range(len(found))]


def _series(args: Namespace, *, stages: bool) -> tuple[Series, ...]:
    if bool(args.paths) == (args.dag_id is not None):
        raise SystemExit("give either paths of trace files or event logs, or --dag-id")
    if args.dag_id is None:
        if args.job_key is not None:
            raise SystemExit("--job-key belongs to --dag-id: traces and logs name their jobs")
        return from_paths(args.paths, args.failures, note, stages=stages)
    with errors_told():
        found = from_history(args.dag_id, args.job_key, stages=stages)
    if not found:
        raise SystemExit("the history has no runs of this DAG and job")
    return found


def _print_scores(scores: Iterable[Score]) -> None:
    """A table per job, narrow enough for 80 columns."""
    console = Console()
    for job, of_job in groupby(scores, key=lambda score: score.job):
        console.print(*texts(job))
        console.print(_table(of_job))
    console.print("All but the last column in percent; the interval should hold 80.")


def _table(scores: Iterable[Score]) -> Table:
    table = Table("moment", "runs", Column("forecaster", no_wrap=True), box=SIMPLE, pad_edge=False)
    for heading in ("MAPE", "median", "bias", "of total", "held", "count"):
        table.add_column(heading, justify="right")
    for _, group in groupby(scores, key=lambda score: (score.moment, score.runs)):
        table.add_section()
        for s in group:
            table.add_row(
                s.moment,
                s.runs,
                *texts(s.forecaster),
                f"{s.mape_percent:.1f}",
                f"{s.median_ape_percent:.1f}",
                f"{s.bias_percent:+.1f}",
                f"{s.error_of_total_percent:.1f}",
                f"{s.coverage_80_percent:.0f}",
                f"{s.predictions:,}",
            )
    return table
