"""Commands and arguments of ``airflow enel``; imported whenever Airflow's command line starts."""

from __future__ import annotations

from pathlib import Path

from airflow.cli.cli_config import ActionCommand, CLICommand, GroupCommand, lazy_load_command

from airflow_enel.cli.arguments import (
    DRY_RUN,
    OUTPUT,
    arg,
    date,
    days,
    integer,
    natural,
    spans_of_runs,
)
from airflow_enel.cli.decision_definition import EXPLAIN, PREDICT
from airflow_enel.cli.doctor_definition import DOCTOR
from airflow_enel.cli.model_definition import MODEL, TRAIN
from airflow_enel.cli.replay_definition import FIT_JOB, REPLAY
from airflow_enel.cli.switch_definition import PAUSE, RESUME

_IMPORT_HISTORY = ActionCommand(
    name="import-history",
    help="Fill the history from Spark event logs of earlier runs",
    description=(
        "Reads Spark event logs, plain or zstd, as single files or as folders eventlog_v2_…, and "
        "stores their runs in the history of a DAG, so that the first run under "
        "EnelSparkOperator has something to learn from. Importing a log again changes nothing. "
        "Runs that the operator itself has recorded are left alone."
    ),
    func=lazy_load_command("airflow_enel.cli.commands.import_history"),
    args=(
        arg(
            "paths",
            metavar="PATH",
            nargs="+",
            type=Path,
            help="an event log, or a folder of event logs such as spark.eventLog.dir",
        ),
        arg("--dag-id", required=True, help="the DAG that will run the application"),
        arg(
            "--job-key",
            help="job_key of the operator, by default its task id: for logs of one application. "
            "If not given here, the name of each Spark application",
        ),
        arg(
            "--since",
            type=date,
            metavar="DATE",
            help="leave out applications that started before, e.g. 2026-01-31 (UTC)",
        ),
        DRY_RUN,
        OUTPUT,
    ),
)

_PRUNE = ActionCommand(
    name="prune",
    help="Remove old runs from the history",
    description=(
        "Removes runs with their components, stages and decisions, and recurring jobs that have "
        "no runs left. With both limits a run must be beyond both."
    ),
    func=lazy_load_command("airflow_enel.cli.commands.prune"),
    args=(
        arg(
            "--keep-runs",
            type=integer,
            metavar="N",
            help="keep of every recurring job the newest N runs that succeeded and the newest N "
            "that did not, and of every initial size the few latest that are learned from",
        ),
        arg(
            "--older-than",
            type=days,
            metavar="DAYS",
            help="remove only runs that were submitted more than so many days ago; needed to "
            "remove runs whose end was never recorded",
        ),
        DRY_RUN,
        OUTPUT,
    ),
)


_MARK_LOST = ActionCommand(
    name="mark-lost",
    help="Say that an application is gone of which nothing can be learned",
    description=(
        "A retry never submits a second application while one of an earlier try may be alive on a "
        "worker that cannot be asked. If you are certain that it is gone, because the machine is, "
        "say so here and clear the task."
    ),
    func=lazy_load_command("airflow_enel.cli.commands.mark_lost"),
    args=(arg("run", metavar="RUN", help="the run's id, as the log of the task tells it"),),
)


_EVALUATE = ActionCommand(
    name="evaluate",
    help="Show how good each forecaster would have been on past runs",
    description=(
        "Forecasts every run by what was known before it, before its start and after each "
        "component, and compares with what came: mean and median error in percent of the time "
        "that was left, bias, error in percent of the whole runtime, and how often the 80 % "
        "interval held it. The first 10 runs of a job (half of them, if there are fewer than 20) "
        "are only learned from. The models of enel are trained for it, each on the runs that were "
        "over when a run began: that takes minutes, and needs the extra train (torch), but for "
        "trace files there is nothing to train on. Without torch, enel is left out."
    ),
    func=lazy_load_command("airflow_enel.cli.evaluating.evaluate"),
    args=(
        arg(
            "paths",
            metavar="PATH",
            nargs="*",
            type=Path,
            help="a trace file with the columns ID|APP_ID|…|JOB_ID|…|DURATION_MS|SCALE_OUT, a "
            "Spark event log, or a folder of either, without its subfolders. Of traces the moments "
            "count, DURATION_MS is not read",
        ),
        arg("--dag-id", help="evaluate on the history of this DAG instead of files"),
        arg("--job-key", help="only this recurring job of the DAG"),
        arg(
            "--failures",
            type=spans_of_runs,
            metavar="RUNS",
            help="for trace files: the runs of each job, counted from 1, in which executors "
            "failed, such as 3,41-50; none for no runs. By default 41-50,61-65 of jobs with 65 "
            "runs, as in the published traces, with a note, and none of others",
        ),
        arg(
            "--warm-up",
            type=integer,
            metavar="N",
            help="how many first runs are only learned from",
        ),
        arg(
            "--forecasters",
            metavar="NAMES",
            help="which to evaluate, of bell, ellis, conditional, enel, those that installed "
            "packages declare as entry points of the group airflow_enel.forecasters, and your own "
            "by import path (package.module:Name), separated by commas; by default all but the "
            "last",
        ),
        arg(
            "--explain",
            action="store_true",
            help="instead of errors, show which share of the variance of runtimes the size, the "
            "context, the calendar and the finished components explain, per job",
        ),
        OUTPUT,
    ),
)


_SIMULATE = ActionCommand(
    name="simulate",
    help="Compare policies on a simulated cluster",
    description=(
        "Simulates series of 65 runs of recurring jobs, of which the first 10 are profiled; in "
        "runs 41 to 50 and 61 to 65 executors are killed, as in the experiment of the Enel paper. "
        "Policies decide by the same code as in production, and all of them meet the same noise. "
        "Nothing is read from or written to the history."
    ),
    func=lazy_load_command("airflow_enel.cli.simulating.simulate_policies"),
    args=(
        arg(
            "--policy",
            metavar="NAME",
            nargs="+",
            required=True,
            help="policies as on the operator, or spark-dynamic-allocation, static-maximum, "
            "risk-static, ellis-published, and oracle, which knows what will happen",
        ),
        arg(
            "--jobs",
            metavar="JOB",
            nargs="+",
            help="LR, MPC, K-Means, GBT (the jobs of the paper, by default all four), ETL, or TOML "
            "files with jobs of your own",
        ),
        arg(
            "--campaigns",
            type=integer,
            metavar="N",
            default=1,
            help="how often each series is repeated with other noise; 1 by default",
        ),
        arg(
            "--seed",
            type=natural,
            metavar="N",
            default=0,
            help="the same seed gives the same figures; 0 by default",
        ),
        arg(
            "--mode",
            default="realistic",
            help="realistic: new executors come without cached data (default); elastic: every "
            "change works at once; as-published: scaling has hardly an effect, as in the "
            "published runs",
        ),
        arg(
            "--processes",
            type=integer,
            metavar="N",
            help="how many to use, by default one per processor; the figures stay the same",
        ),
        arg(
            "--train",
            action="store_true",
            help="train the network of policies that use one after every run, which takes minutes "
            "and the extra train (torch); without it they forecast by their prior",
        ),
        arg(
            "--event-logs",
            type=Path,
            metavar="FOLDER",
            help="also write a Spark event log of every run there, in a folder per policy",
        ),
        OUTPUT,
    ),
)


def get_enel_cli_commands() -> list[CLICommand]:
    """Return the commands; named by the provider info."""
    return [
        GroupCommand(
            name="enel",
            help="History of recurring Spark applications",
            subcommands=(
                _IMPORT_HISTORY,
                _PRUNE,
                _MARK_LOST,
                EXPLAIN,
                PREDICT,
                PAUSE,
                RESUME,
                DOCTOR,
                TRAIN,
                MODEL,
                _EVALUATE,
                _SIMULATE,
                REPLAY,
                FIT_JOB,
            ),
        )
    ]
