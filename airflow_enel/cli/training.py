"""``airflow enel train``: the shared model, trained beside the metadata DB."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import asdict
from typing import Any

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console
from rich.table import Table

from airflow_enel.cli.output import phases, print_object, reported_errors, texts
from airflow_enel.control.training_plan import NothingToLearn, TrainingRequest
from airflow_enel.execution.model_training import CannotTrain, Training, train_shared_model
from airflow_enel.history.sql.repository import SqlHistory


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def train(args: Namespace) -> None:
    """Train the model of all recurring jobs and publish it."""
    request = TrainingRequest(args.seed, in_any_case=args.from_scratch)
    began = time.monotonic()
    try:
        with reported_errors(), phases() as report:
            training = train_shared_model(SqlHistory(), request, time.time(), report)
    except (CannotTrain, NothingToLearn) as error:
        raise SystemExit(f"no model was trained: {error}") from None
    seconds = time.monotonic() - began
    if args.output == "json":
        print_object(_values(training, seconds))
    else:
        _print(training, seconds)


def _values(training: Training, seconds: float) -> dict[str, Any]:
    return {
        "name": training.model.name,
        "from_scratch": training.from_scratch,
        "reason": training.reason,
        "seconds": round(seconds, 3),
        "sha256": training.model.sha256,
        "manifest": asdict(training.manifest),
    }


def _print(training: Training, seconds: float) -> None:
    manifest, console = training.manifest, Console()
    table = Table("job")
    for heading in ("runs", "held out", "prior %", "network %", "gate"):
        table.add_column(heading, justify="right")
    for job in manifest.jobs:
        numbers = (str(job.runs), str(job.held_out), _percent(job.prior_percent))
        table.add_row(
            *texts(job.job), *numbers, _percent(job.network_percent), f"{job.gates.start.share:.2f}"
        )
    table.add_section()
    errors = (manifest.walk_forward_prior_percent, manifest.walk_forward_network_percent)
    whole = ("all", str(manifest.training_runs), "", *map(_percent, errors))
    table.add_row(*whole, f"{manifest.pooled.start.share:.2f}")
    console.print(table)
    console.print("Errors on runs held out; the gate is the share of the network that is used.")
    told = f"{training.model.name}, {training.how}, in {seconds:.0f} s"
    console.print(*texts(told), soft_wrap=True)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
