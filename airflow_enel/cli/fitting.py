"""``airflow enel fit-job``: a job description for the simulator, fitted to recorded runs."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from airflow_enel.cli.output import counted, note, nothing_left
from airflow_enel.cli.recorded import recorded_runs, target_of
from airflow_enel.simulation.fit_job import fit_job
from airflow_enel.simulation.job_file import write_job
from airflow_enel.simulation.replay import usable_runs


@providers_configuration_loaded
@action_cli(check_db=False)  # type: ignore[no-untyped-call,untyped-decorator]
def fit_job_description(args: Namespace) -> None:
    """Print a description of a recurring job as TOML."""
    if args.runs < 1:
        nothing_left(f"--runs must be at least 1, not {args.runs}")
    given_s = target_of(args.target)
    try:
        runs = usable_runs(recorded_runs(args, args.runs))
        targets = [run.run.runtime_target_s for run in runs if run.run.runtime_target_s]
        if given_s is None and not targets:
            nothing_left("none of the runs had a runtime target: give one by --target")
        name = runs[-1].run.job_key
        job = fit_job([run.past for run in runs], name, given_s or targets[-1])
    except ValueError as error:
        nothing_left(str(error))
    note(f"{name}: fitted to {counted(len(runs), 'run')}")
    sys.stdout.write(write_job(job))
