"""Handlers of ``airflow enel pause`` and ``resume``."""

from __future__ import annotations

from argparse import Namespace

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console

from airflow_enel.cli.output import reported_errors, texts
from airflow_enel.domain import NO_SWITCHES, Switches
from airflow_enel.history.interface import RecurringJob
from airflow_enel.history.sql.switches import JobSwitches


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def pause(args: Namespace) -> None:
    """Hold back growth, releases or both."""
    both = not (args.pause_in or args.pause_out or args.dry_run)
    with reported_errors():
        switches = JobSwitches()
        job = _job(switches, args)
        before = switches.of(job)
        switches.save(
            job,
            Switches(
                pause_in=before.pause_in or args.pause_in or both,
                pause_out=before.pause_out or args.pause_out or both,
                dry_run=before.dry_run or args.dry_run,
            ),
        )
        _print(job, switches.of(job))


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def resume(args: Namespace) -> None:
    """Hold nothing back any more."""
    with reported_errors():
        switches = JobSwitches()
        job = _job(switches, args)
        switches.save(job, NO_SWITCHES)
    _print(job, NO_SWITCHES)


def _job(switches: JobSwitches, args: Namespace) -> RecurringJob:
    """Return the only job that is meant.

    :raises SystemExit: if there is none, or are several
    """
    name = args.job[:40]
    jobs = switches.jobs(args.job)
    named = [job for job in jobs if args.dag_id in (None, job.dag_id)]
    if not named:
        where = "" if args.dag_id is None else f" in DAG {args.dag_id[:40]!r}"
        others = f"; other DAGs have one: {_dags(jobs)}" if jobs else ""
        raise SystemExit(
            f"no recurring job {name!r}{where} has run yet{others}. JOB is the job_key of the "
            "operator, by default its task id"
        )
    if len(named) > 1:
        raise SystemExit(f"several DAGs have a job {name!r}; add --dag-id: {_dags(jobs)}")
    return named[0]


def _dags(jobs: tuple[RecurringJob, ...]) -> str:
    return ", ".join(job.dag_id for job in jobs)


def _print(job: RecurringJob, switches: Switches) -> None:
    held = {
        "releases": switches.pause_in,
        "growth": switches.pause_out,
        "everything (dry run)": switches.dry_run,
    }
    paused = " and ".join(what for what, is_held in held.items() if is_held)
    state = f"held back: {paused}" if paused else "scaled as usual"
    Console().print(*texts(f"{job.job_key} of {job.dag_id}: {state}"), soft_wrap=True)
