# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""What a history says of a DAG run: its deadlines, and how long what follows has taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from airflow_enel.domain import IMPORTED, DagRunOutlook, RunKey
from tests.support.airflow.dag_runs import add_dag_run, add_past_dag_run, store_dag
from tests.support.airflow.task_instances import set_state
from tests.support.builders import samples

if TYPE_CHECKING:
    from tests.history.conftest import Kept

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=timezone.utc)
DAY = timedelta(days=1)


async def nobody(**_: Any) -> None:
    """A callback that no test waits for."""


def alert(minutes: float, reference: str = "DAGRUN_LOGICAL_DATE") -> Any:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference

    return DeadlineAlert(
        reference=getattr(DeadlineReference, reference),
        interval=timedelta(minutes=minutes),
        callback=AsyncCallback(nobody),
    )


@pytest.fixture
def dag(airflow_db: None) -> Callable[..., Any]:
    """Makes DAGs of a Spark task that two branches follow, which meet again."""

    def make(**arguments: Any) -> Any:
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.sdk import DAG

        with DAG(f"dag-{uuid4()}", schedule=None, start_date=NOW - 99 * DAY, **arguments) as made:
            names = ("before", "spark", "short", "long", "publish", "beside")
            before, spark, short, long, publish, beside = (EmptyOperator(task_id=n) for n in names)
            before >> spark >> [short, long] >> publish
            beside >> publish
        return store_dag(made)

    return make


@pytest.fixture(params=["sql", "http"])
def beside_airflow(request: pytest.FixtureRequest) -> Kept:
    """Histories in a database that has Airflow's own tables as well."""
    kept: Kept = request.getfixturevalue(request.param)
    return kept


class Scene:
    """A DAG run whose Spark task asks."""

    def __init__(self, kept: Kept, dag: Any) -> None:
        self._kept, self.dag, self.run_id = kept, dag, f"run-{uuid4()}"
        add_dag_run(dag, self.run_id, NOW)
        self.key = RunKey(dag.dag_id, self.run_id, "spark", -1, 1)
        self.run = replace(samples.run(), key=self.key)
        self._leave_room_for_the_caller()

    def _leave_room_for_the_caller(self) -> None:
        """Remove the task instance that the HTTP history makes itself, with a token."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session(scoped=False) as session:
            of_task = {"dag_id": self.dag.dag_id, "run_id": self.run_id, "task_id": "spark"}
            session.query(TaskInstance).filter_by(**of_task).delete()

    def past(self, days: int, **took_s: Any) -> None:
        waited_s = took_s.pop("waited_s", 0.0)
        all_tasks = {"before": 1, "spark": 99, "short": 5, "long": 20, "publish": 2, "beside": 400}
        name = f"past-{days}-{uuid4()}"
        due = NOW - days * DAY
        add_past_dag_run(self.dag, name, due, all_tasks | took_s, scheduled_before_s=waited_s)

    def outlook(self, task_id: str = "spark", job_key: str = "job") -> DagRunOutlook:
        history = self._kept.reach(self.run)
        return history.outlook(self.dag.dag_id, self.run_id, task_id, job_key)


@pytest.fixture
def scene(beside_airflow: Kept, dag: Callable[..., Any]) -> Scene:
    return Scene(beside_airflow, dag())


# Deadlines


def test_a_dag_without_deadline_alerts_has_no_deadlines(scene: Scene) -> None:
    assert scene.outlook().deadlines_at == ()


def test_deadlines_are_those_that_airflow_has_computed_for_this_dag_run(
    beside_airflow: Kept, dag: Callable[..., Any]
) -> None:
    scene = Scene(beside_airflow, dag(deadline=[alert(90), alert(30)]))
    add_dag_run(scene.dag, f"another-{uuid4()}", NOW + DAY)
    at = NOW.timestamp()
    assert scene.outlook().deadlines_at == (at + 30 * 60, at + 90 * 60)


# What follows


def test_without_history_what_follows_is_named_and_takes_no_time(scene: Scene) -> None:
    outlook = scene.outlook()
    assert (outlook.following, outlook.following_s) == ((), 0.0)
    assert outlook.without_history == ("long", "publish", "short")


def test_the_longest_branch_counts_with_what_it_took(scene: Scene) -> None:
    for days in range(1, 6):
        scene.past(days)
    outlook = scene.outlook()
    assert (outlook.following, outlook.following_s) == (("long", "publish"), 22.0)
    assert outlook.without_history == ()


def test_one_slow_run_of_five_keeps_no_time_free_and_two_do(scene: Scene) -> None:
    for days, long_s in enumerate((20, 20, 20, 500), 1):
        scene.past(days, long=long_s)
    scene.past(5)
    assert scene.outlook().following_s == 22.0
    scene.past(6, long=300)
    assert scene.outlook().following_s == 302.0


def test_time_in_a_queue_counts(scene: Scene) -> None:
    scene.past(1, waited_s=3.0)
    assert scene.outlook().following_s == 28.0


def test_the_instances_of_a_mapped_task_run_side_by_side(scene: Scene) -> None:
    scene.past(1, long=[20, 35, 10])
    assert scene.outlook().following_s == 37.0


def test_a_branch_that_is_hardly_ever_taken_keeps_no_time_free(scene: Scene) -> None:
    for days in range(1, 6):
        scene.past(days, long=20 if days == 1 else "skipped")
    assert scene.outlook().following == ("short", "publish")


@pytest.mark.parametrize("state", ["failed", "upstream_failed"])
def test_what_did_not_end_well_says_nothing_of_its_duration(scene: Scene, state: str) -> None:
    scene.past(1)
    scene.past(2, publish=state)
    assert scene.outlook().following_s == 22.0
    assert scene.outlook().without_history == ()


def test_what_has_ended_in_this_dag_run_does_not_follow_any_more(scene: Scene) -> None:
    scene.past(1)
    set_state(scene.run_id, "success", task_id="long")
    set_state(scene.run_id, "skipped", task_id="short")
    assert scene.outlook().following == ("publish",)


def test_a_sensor_that_watches_the_application_takes_no_time_of_its_own(
    beside_airflow: Kept, airflow_db: None
) -> None:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG

    from airflow_enel.sensors.spark import EnelSparkSensor

    with DAG(f"dag-{uuid4()}", schedule=None, start_date=NOW - 99 * DAY) as made:
        watch = EnelSparkSensor(task_id="long", external_task_id="spark")
        EmptyOperator(task_id="spark") >> watch >> EmptyOperator(task_id="publish")
    scene = Scene(beside_airflow, store_dag(made))
    add_past_dag_run(scene.dag, "past", NOW - DAY, {"spark": 1, "long": 600, "publish": 2})
    outlook = scene.outlook()
    assert (outlook.following, outlook.following_s) == (("publish",), 2.0)
    assert outlook.without_history == ()


def test_other_dags_with_tasks_of_the_same_name_say_nothing(
    beside_airflow: Kept, dag: Callable[..., Any]
) -> None:
    Scene(beside_airflow, dag()).past(1)
    assert Scene(beside_airflow, dag()).outlook().following_s == 0.0


def test_a_dag_that_airflow_does_not_know_any_more_has_nothing_that_follows(
    beside_airflow: Kept,
) -> None:
    run = samples.run(f"dag-{uuid4()}")
    key = run.key
    outlook = beside_airflow.reach(run).outlook(key.dag_id, key.run_id, key.task_id, "job")
    assert outlook == DagRunOutlook()


# The start


def test_the_start_takes_as_long_as_in_four_of_five_past_runs(scene: Scene, sql: Kept) -> None:
    for waited_s in (5, 6, 7, 8, 60):
        run = samples.run(scene.dag.dag_id)
        history = sql.opened(run)
        started_at = run.submitted_at + waited_s
        history.finish_run(run.key.id, samples.outcome(started_at=started_at))
    assert scene.outlook().start_up_s == pytest.approx(8.0)
    assert scene.outlook(job_key="another").start_up_s is None


def test_imported_runs_and_odd_clocks_do_not_shorten_the_start(scene: Scene, sql: Kept) -> None:
    imported = samples.run(scene.dag.dag_id, policy=IMPORTED)
    sql.opened(imported).finish_run(imported.key.id, samples.outcome())
    assert scene.outlook().start_up_s is None
    run = samples.run(scene.dag.dag_id)
    early = samples.outcome(started_at=run.submitted_at - 60)
    sql.opened(run).finish_run(run.key.id, early)
    assert scene.outlook().start_up_s == 0.0
