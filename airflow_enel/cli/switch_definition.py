"""Commands of ``airflow enel`` that hold back scaling: ``pause`` and ``resume``."""

from __future__ import annotations

from typing import Final

from airflow.cli.cli_config import ActionCommand, lazy_load_command

from airflow_enel.cli.arguments import arg

_JOB: Final = (
    arg("job", metavar="JOB", help="job_key of the operator, by default its task id"),
    arg("--dag-id", help="the DAG of the job; needed if several DAGs have one of this name"),
)

PAUSE: Final = ActionCommand(
    name="pause",
    help="Hold back the scaling of a recurring job",
    description=(
        "Running applications heed it from their next decision on; later ones still start at the "
        "size that their policy chooses. Without an option nothing is changed while an application "
        "runs. Options add to what is held back already. Executors that Spark loses are replaced "
        "all the same."
    ),
    func=lazy_load_command("airflow_enel.cli.switching.pause"),
    args=(
        *_JOB,
        arg("--in", dest="pause_in", action="store_true", help="release no executors"),
        arg("--out", dest="pause_out", action="store_true", help="ask for no more executors"),
        arg(
            "--dry-run",
            action="store_true",
            help="decide and record as usual, but ask Spark for what it has been asked for",
        ),
    ),
)

RESUME: Final = ActionCommand(
    name="resume",
    help="Scale a recurring job as usual again",
    func=lazy_load_command("airflow_enel.cli.switching.resume"),
    args=_JOB,
)
