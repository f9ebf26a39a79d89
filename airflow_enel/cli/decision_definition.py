"""Commands of ``airflow enel`` that explain decisions: ``explain`` and ``predict``."""

from __future__ import annotations

from typing import Final

from airflow.cli.cli_config import ActionCommand, lazy_load_command

from airflow_enel.cli.arguments import OUTPUT, arg, integer

EXPLAIN: Final = ActionCommand(
    name="explain",
    help="Show why a run had the executors that it had",
    description=(
        "Prints every decision of a run: the sentence, what was expected of several numbers of "
        "executors (kept until the end), guards, what was asked of Spark and what it then had; at "
        "the end what came of it."
    ),
    func=lazy_load_command("airflow_enel.cli.explaining.explain"),
    args=(
        arg(
            "run",
            metavar="RUN",
            nargs="?",
            help="the run's id, as the log of the task tells it, or its first digits",
        ),
        arg("--dag-id", help="instead of RUN: the DAG of its task"),
        arg("--run-id", help="instead of RUN: Airflow's id of the DAG run"),
        arg("--task-id", help="instead of RUN: the task that submitted the application"),
        arg(
            "--map-index",
            type=integer,
            metavar="N",
            default=-1,
            help="which of the instances of a mapped task",
        ),
        arg(
            "--full",
            action="store_true",
            help="show what was expected also where nothing was changed",
        ),
        OUTPUT,
    ),
)
