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

PREDICT: Final = ActionCommand(
    name="predict",
    help="Show what to expect of a run that has not begun",
    description=(
        "Prints with how many executors the policy enel would start a run, and why, by the same "
        "code and the same past runs as in production; and for several numbers of executors the "
        "runtime, its 80% interval, executor-seconds and the probability to miss the target, if "
        "the number stayed from start to end. Nothing is submitted or stored."
    ),
    func=lazy_load_command("airflow_enel.cli.predicting.predict"),
    args=(
        arg("--dag-id", required=True, help="the DAG of the job"),
        arg("--job-key", required=True, help="job_key of the operator, by default its task id"),
        arg(
            "--target",
            required=True,
            metavar="DURATION",
            help="runtime target, such as 840, 0:14:00 or PT14M",
        ),
        arg(
            "--executors",
            type=integer,
            nargs="+",
            metavar="N",
            help="sizes to show, by default a few that include the chosen one",
        ),
        arg(
            "--context",
            nargs="+",
            metavar="NAME=VALUE",
            help="what is known of the run and may explain its runtime, such as input_mib=4096; "
            "the rest is as in the last run",
        ),
        arg(
            "--risk",
            type=float,
            metavar="P",
            help="probability to miss the target that you accept, as on the operator; by default "
            "that of the last run",
        ),
        arg(
            "--min-executors",
            type=integer,
            metavar="N",
            help="as on the operator; by default that of the last run",
        ),
        arg(
            "--max-executors",
            type=integer,
            metavar="N",
            help="as on the operator; by default that of the last run",
        ),
        OUTPUT,
    ),
)
