# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""``airflow enel pause`` and ``resume`` through Airflow's own parser, on a real metadata DB."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from airflow_enel.domain import NO_SWITCHES, AgentAddress, Run, Switches
from airflow_enel.spark.agent_client import AgentClient
from tests.support.builders import samples
from tests.support.cli import Enel
from tests.support.fakes.agents import Respond, agents
from tests.support.fakes.growing import GrowingApplication

agent = pytest.fixture(agents)


@pytest.fixture
def run(airflow_db: None) -> Run:
    return opened(f"pause-{uuid4()}", f"job-{uuid4()}")


def opened(dag_id: str, job_key: str) -> Run:
    from airflow_enel.history.sql.repository import SqlHistory

    made = samples.run(dag_id, job_key)
    SqlHistory().open_run(made, None)
    return made


def held(run: Run) -> Switches:
    from airflow_enel.history.sql.repository import SqlHistory

    return SqlHistory().switches(run.key.id)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), Switches(pause_in=True, pause_out=True)),
        (("--in",), Switches(pause_in=True)),
        (("--out",), Switches(pause_out=True)),
        (("--dry-run",), Switches(dry_run=True)),
        (("--in", "--dry-run"), Switches(pause_in=True, dry_run=True)),
    ],
)
def test_pause_holds_back_what_is_named(
    enel: Enel, run: Run, options: tuple[str, ...], expected: Switches
) -> None:
    assert enel("pause", run.job_key, *options).error == 0
    assert held(run) == expected


def test_what_is_held_back_already_stays_so(enel: Enel, run: Run) -> None:
    enel("pause", run.job_key, "--in")
    said = enel("pause", run.job_key, "--dry-run")
    assert held(run) == Switches(pause_in=True, dry_run=True)
    assert said.out == (
        f"{run.job_key} of {run.key.dag_id}: held back: releases and everything (dry run)\n"
    )


def test_resume_lets_go_of_everything(enel: Enel, run: Run) -> None:
    enel("pause", run.job_key)
    said = enel("resume", run.job_key)
    assert held(run) == NO_SWITCHES
    assert said.out == f"{run.job_key} of {run.key.dag_id}: scaled as usual\n"


def test_other_jobs_of_the_dag_go_on(enel: Enel, run: Run) -> None:
    other = opened(run.key.dag_id, f"{run.job_key}-other")
    enel("pause", run.job_key)
    assert held(other) == NO_SWITCHES


def test_a_name_in_several_dags_needs_the_dag(enel: Enel, run: Run) -> None:
    other = opened(f"{run.key.dag_id}-b", run.job_key)
    said = enel("pause", run.job_key)
    assert said.error == (
        f"several DAGs have a job {run.job_key!r}; add --dag-id: "
        f"{run.key.dag_id}, {other.key.dag_id}"
    )
    assert enel("pause", run.job_key, "--dag-id", other.key.dag_id).error == 0
    assert (held(run), bool(held(other))) == (NO_SWITCHES, True)


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_a_job_that_never_ran_is_refused(enel: Enel, run: Run, command: str) -> None:
    assert "no recurring job 'typo' has run yet" in str(enel(command, "typo").error)
    said = enel(command, run.job_key, "--dag-id", "typo")
    assert f"in DAG 'typo' has run yet; other DAGs have one: {run.key.dag_id}" in str(said.error)


def test_a_job_without_runs_can_be_resumed(enel: Enel, run: Run) -> None:
    from airflow import settings
    from sqlalchemy import delete

    from airflow_enel.history.sql.tables import Job

    enel("pause", run.job_key)
    with settings.engine.begin() as connection:
        connection.execute(delete(Job).where(Job.job_key == run.job_key))
    assert enel("resume", run.job_key).error == 0


def test_a_paused_job_is_held_at_its_next_decision(
    enel: Enel, run: Run, agent: Callable[[Respond], int]
) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    application = GrowingApplication(run, SqlHistory())
    client = AgentClient(AgentAddress("127.0.0.1", agent(application)), "token")
    application.observer.poll(client)
    assert [body["executors"] for body in application.sent] == [3]
    enel("pause", run.job_key, "--out")
    application.finish_component()
    application.observer.poll(client)
    enel("resume", run.job_key)
    application.finish_component()
    application.observer.poll(client)
    assert [body["executors"] for body in application.sent] == [3, 3, 4]
    reasons = [row.step.decision.reason for row in SqlHistory().decisions(run.key.id)]
    assert reasons[1] == "keep 3: one more; pause-out: growth is paused"
