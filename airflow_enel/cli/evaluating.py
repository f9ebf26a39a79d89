"""``airflow enel evaluate``: how good each forecaster is on runs that are over."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import groupby

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_enel.cli.import_table import reasons
from airflow_enel.cli.output import (
    counted,
    note,
    nothing_left,
    print_json,
    progress,
    reported_errors,
    reported_interrupt,
    texts,
)
from airflow_enel.cli.retraining import enel_makers
from airflow_enel.cli.variance_table import print_shares
from airflow_enel.domain import JobRuns
from airflow_enel.ingest.evaluation_data import PUBLISHED_RUNS, from_history, from_paths
from airflow_enel.predict import Forecaster
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.evaluation import (
    ALL,
    NORMAL,
    Prediction,
    Score,
    forecast_range,
    summarise,
    walk_forward,
)
from airflow_enel.predict.registry import forecaster_factory, forecaster_names
from airflow_enel.spark.traces import PUBLISHED_FAILURES

Maker = Callable[[], Forecaster]

_MOST_PLAIN = 9999.95


@providers_configuration_loaded
@action_cli(check_db=False)  # type: ignore[no-untyped-call,untyped-decorator]
@reported_interrupt()
def evaluate(args: Namespace) -> None:
    """Forecast past runs by what was known before them, and compare with what came."""
    if args.explain:
        print_shares(_series(args, stages=False), args.output)
        return
    scores = _scores(args)
    if args.output == "json":
        print_json(asdict(score) for score in scores)
    else:
        _print_scores(scores)


def _scores(args: Namespace) -> tuple[Score, ...]:
    names = _names(args.forecasters)
    if args.warm_up is not None and args.warm_up < 1:
        raise SystemExit("--warm-up must be at least 1: nothing is known before the first run")
    enel = Enel.name in names
    simple = _factories(name for name in names if name != Enel.name)
    found = _series(args, stages=enel)
    makers = _makers(simple, enel, found, args)
    predictions: list[Prediction] = []
    faults: list[str] = []
    with progress(
        "runs", sum(len(forecast_range(len(series.runs), args.warm_up)) for series in found)
    ) as advance:
        for series, own in zip(found, makers, strict=True):
            known = len(predictions)
            for of_run in walk_forward(series, own, args.warm_up):
                predictions += of_run
                advance(1)
            if len(predictions) == known:
                faults.append(f"{series.job}: {_why_none(series, args.warm_up)}")
    if not predictions:
        nothing_left(f"nothing to evaluate: {'; '.join(faults) or 'no file can be used'}")
    for fault in faults:
        note(fault)
    return summarise(predictions)


def _why_none(series: JobRuns, warm_up: int | None) -> str:
    """Why none of the runs of a series could be forecast."""
    runs = len(series.runs)
    if not forecast_range(runs, warm_up):
        if warm_up is not None and runs > 1:
            return f"--warm-up {warm_up} leaves none of its {runs} runs to forecast"
        return f"{counted(runs, 'run')}, but at least 2 are needed: one is only learned from"
    if not any(run.runtime_s > 0 for run in series.runs):
        return "its runs take no time"
    return "too few of its runs have finished components"


def _names(asked: str | None) -> tuple[str, ...]:
    chosen = forecaster_names() if asked is None else (n.strip() for n in asked.split(","))
    return tuple(dict.fromkeys(chosen))


def _factories(names: Iterable[str]) -> list[Maker]:
    try:
        return [forecaster_factory(name) for name in names]
    except ValueError as error:
        raise SystemExit(str(error)) from None


def _makers(
    simple: list[Maker], enel: bool, found: Sequence[JobRuns], args: Namespace
) -> list[list[Maker]]:
    """What makes the forecasters of each series.

    :param enel: whether ``enel`` is among them, with models that are trained for it
    """
    trained = None
    if enel:
        trained = enel_makers(found, args.warm_up, asked=args.forecasters is not None)
    return [simple if trained is None else [*simple, trained[i]] for i in range(len(found))]


def _series(args: Namespace, *, stages: bool) -> tuple[JobRuns, ...]:
    if bool(args.paths) == (args.dag_id is not None):
        raise SystemExit("give either paths of trace files or event logs, or --dag-id")
    if args.dag_id is None:
        if args.job_key is not None:
            raise SystemExit("--job-key belongs to --dag-id: traces and logs name their jobs")
        return _from_paths(args, stages=stages)
    if args.failures is not None:
        raise SystemExit(
            "--failures belongs to trace files: the history knows in which runs executors failed"
        )
    with reported_errors():
        found = from_history(args.dag_id, args.job_key, stages=stages)
    if not found:
        job = "" if args.job_key is None else f" with the job {args.job_key!r}"
        raise SystemExit(f"the history has no runs of the DAG {args.dag_id!r}{job}")
    return found


def _from_paths(args: Namespace, *, stages: bool) -> tuple[JobRuns, ...]:
    data = from_paths(args.paths, args.failures, stages=stages)
    for text in reasons(("left out", str(it.path), it.reason) for it in data.left_out):
        note(text)
    if data.published:
        note(
            f"{', '.join(data.published)}: runs {_spans(PUBLISHED_FAILURES)} count as runs "
            f"with failures, as in the published traces of {PUBLISHED_RUNS} runs; "
            "--failures none if none of them had any, or --failures RUNS"
        )
    return data.series


def _spans(numbers: Sequence[range]) -> str:
    return ",".join(f"{span[0]}-{span[-1]}" for span in numbers)


def _print_scores(scores: Iterable[Score]) -> None:
    """A table per job, narrow enough for 80 columns."""
    console = Console()
    for job, of_job in groupby(scores, key=lambda score: score.job):
        console.print(*texts(job))
        console.print(_table(of_job))
        console.print()
    console.print("Errors are in percent of the time left, those under total of the whole runtime.")
    console.print("held: how many percent of the times lay in their 80 % interval; 80 would do.")


def _table(scores: Iterable[Score]) -> Table:
    """The rows of one job; without those of its normal runs where that is all of them."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    for heading in ("moment", "runs", "forecaster"):
        table.add_column(heading, no_wrap=True)
    for heading in ("MAPE", "median", "bias", "total", "held", "count"):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, of_moment in groupby(scores, key=lambda score: score.moment):
        kinds = {runs: tuple(group) for runs, group in groupby(of_moment, lambda s: s.runs)}
        if _count(kinds.get(NORMAL, ())) == _count(kinds[ALL]):
            del kinds[NORMAL]
        for group in kinds.values():
            table.add_section()
            for score in group:
                table.add_row(*_cells(score))
    return table


def _count(scores: Iterable[Score]) -> int:
    return sum(score.predictions for score in scores)


def _cells(s: Score) -> tuple[str | Text, ...]:
    return (
        s.moment,
        s.runs,
        *texts(s.forecaster),
        _figure(s.mape_percent),
        _figure(s.median_ape_percent),
        _figure(s.bias_percent, "+"),
        _figure(s.error_of_total_percent),
        f"{s.coverage_80_percent:.0f}",
        str(s.predictions),
    )


def _figure(percent: float, sign: str = "") -> str:
    """As short as its column, or terminals of 80 columns would get parts of a number."""
    return f"{percent:{sign}.1f}" if abs(percent) < _MOST_PLAIN else f"{percent:{sign}.1e}"
