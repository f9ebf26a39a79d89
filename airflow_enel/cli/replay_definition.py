"""Commands of ``airflow enel`` that simulate what is recorded: ``replay`` and ``fit-job``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from airflow.cli.cli_config import ActionCommand, lazy_load_command

from airflow_enel.cli.arguments import OUTPUT, arg, integer, natural

_RECORDED: Final = (
    arg(
        "paths",
        metavar="PATH",
        nargs="*",
        type=Path,
        help="a Spark event log, or a folder of event logs; before all options",
    ),
    arg("--dag-id", help="the history of this DAG instead of event logs"),
    arg(
        "--job-key", help="the recurring job, if there are several; of logs the application's name"
    ),
    arg(
        "--target",
        metavar="DURATION",
        help="runtime target, such as 840, 0:14:00 or PT14M; by default that of each run. Event "
        "logs have none",
    ),
)

REPLAY: Final = ActionCommand(
    name="replay",
    help="Show what other policies would have done with the last runs of a job",
    description=(
        "Simulates recorded runs under other policies. Each component takes the time that it "
        "really took, translated to other sizes by a curve over executors that is fitted to all "
        "runs; intervals come from fitting it to resampled runs. Policies decide by the same code "
        "as in production; they learn from the recorded runs before the first that is replayed, "
        "and then from their own. What the runs cannot tell is said below the table. Nothing is "
        "written to the history."
    ),
    func=lazy_load_command("airflow_enel.cli.replaying.replay_runs"),
    args=(
        *_RECORDED,
        arg(
            "--policy",
            metavar="NAME",
            nargs="+",
            required=True,
            help="policies as on the operator, or static-maximum, risk-static, ellis-published, "
            "and oracle, which knows what will happen",
        ),
        arg(
            "--min-executors",
            type=integer,
            metavar="N",
            help="the least that policies may choose; by default what the runs were allowed, or "
            "had if they are imported",
        ),
        arg("--max-executors", type=integer, metavar="N", help="the most, likewise"),
        arg(
            "--runs",
            type=integer,
            metavar="N",
            default=30,
            help="how many of the latest runs to replay, 30 by default; the first 10 (half of "
            "them, if there are fewer than 20) are only learned from",
        ),
        arg(
            "--samples",
            type=integer,
            metavar="N",
            default=20,
            help="how often the curves are fitted to resampled runs, for the intervals; 20 by "
            "default, 0 for no intervals",
        ),
        arg(
            "--seed",
            type=natural,
            metavar="N",
            default=0,
            help="the same seed gives the same figures; 0 by default",
        ),
        OUTPUT,
    ),
)

FIT_JOB: Final = ActionCommand(
    name="fit-job",
    help="Describe a recurring job for the simulator by its runs",
    description=(
        "Fits a job description to recorded runs and prints it as TOML: seconds of every component "
        "over executors and the size of the input, and how they scatter. Edit it, and give it to "
        "airflow enel simulate --jobs."
    ),
    func=lazy_load_command("airflow_enel.cli.fitting.fit_job_description"),
    args=(
        *_RECORDED,
        arg(
            "--runs",
            type=integer,
            metavar="N",
            default=100,
            help="how many of the latest runs of the history to fit, 100 by default",
        ),
    ),
)
