# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""The stock operator on real Spark, with a sensor beside it that scales it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_enel.control.policies import Policy, PolicyContext
from airflow_enel.domain import Proposal, RunKey, RunState
from airflow_enel.execution import external_run
from airflow_enel.history.interface import DecisionStatus
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.sensors.spark import EnelSparkSensor
from airflow_enel.spark import agent_conf
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.airflow.task_instances import set_state
from tests.support.fakes.tasks import task_context
from tests.support.processes.spark import ITERATIVE, SMALL_EXECUTORS

if TYPE_CHECKING:
    from airflow.sdk import Context

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark_home", "airflow_db")]

MOST = 3
CONF = {**SMALL_EXECUTORS, "spark.executor.cores": "1", "spark.executor.memory": "512m"}


def grow(context: PolicyContext) -> Proposal:
    """Start with one executor, and want all of them at the first barrier."""
    if context.start is not None:
        return Proposal(1, "to begin with")
    return Proposal(MOST, "more is faster")


GROWING = Policy("growing", grow, needs_target=False)


class Beside:
    """A task with a stock operator in a thread, and the sensor's task beside it."""

    def __init__(self, running_task: Callable[..., Any], work_dir: Path) -> None:
        self.identity, _ = running_task(f"dag-{uuid4()}", task_id="job")
        self.key = RunKey(self.identity.dag_id, self.identity.run_id, "job", -1, 1)
        self.folder = RunFolder.of(self.key.id, work_dir)
        self.history = SqlHistory()
        external_run._RUNS.clear()

    def context(self, task: Any) -> Context:
        from airflow.sdk.execution_time.context import MacrosAccessor
        from airflow.sdk.plugins_manager import integrate_macros_plugins

        integrate_macros_plugins()
        key, others = self.key, {"task": task, "macros": MacrosAccessor()}
        return cast("Context", task_context(key.dag_id, key.run_id, task.task_id, **others))

    def run_task(self, application: str, *arguments: str) -> None:
        """What Airflow does with the task: render, execute, note how it ended."""
        task = SparkSubmitOperator(
            task_id="job",
            application=application,
            application_args=list(arguments),
            conn_id="small_cluster",
            conf=agent_conf(
                policy=f"{__name__}:GROWING", max_executors=MOST, runtime_target=600, conf=CONF
            ),
            status_poll_interval=1,
        )
        context = self.context(task)
        state = "failed"
        try:
            task.render_template_fields(context)
            task.execute(context)
            state = "success"
        finally:
            set_state(self.key.run_id, state, task_id="job")

    def sensor(self, **options: Any) -> EnelSparkSensor:
        return EnelSparkSensor(task_id="sensor", external_task_id="job", **options)

    def poke_until_it_ends(self, task: Future[None], within_s: float) -> None:
        """As a sensor in reschedule mode: a new one for every poke."""
        deadline = time.monotonic() + within_s
        while True:
            made = self.sensor(mode="reschedule")
            if made.poke(self.context(made)):
                return
            assert time.monotonic() < deadline, "it did not come to an end"
            assert not (task.done() and task.exception() and self._is_failed())
            time.sleep(0.3)

    def _is_failed(self) -> bool:
        return self.history.run(self.key.id).state is RunState.FAILED


@pytest.fixture
def beside(
    running_task: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Beside:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    places = 2 * MOST  # draining executors hold theirs while new ones start
    connection = {"conn_type": "spark", "host": f"local-cluster[1,{places},{places * 512}]"}
    monkeypatch.setenv("AIRFLOW_CONN_SMALL_CLUSTER", json.dumps(connection))
    return Beside(running_task, tmp_path / "work")


def test_it_makes_the_application_of_a_stock_operator_grow_and_succeeds_with_it(
    beside: Beside,
) -> None:
    options = ("--iterations", "5", "--tasks", "6", "--task-seconds", "0.5")
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(beside.run_task, ITERATIVE, *options)
        beside.poke_until_it_ends(task, within_s=300)
        task.result(timeout=60)

    row = beside.history.run(beside.key.id)
    assert row.outcome is not None
    assert (row.state, row.outcome.complete, row.rescales) == (RunState.SUCCEEDED, True, 1)
    assert row.outcome.runtime_s is not None
    decisions = beside.history.decisions(beside.key.id)
    epochs = [row.step.decision.epoch for row in decisions]
    assert epochs == sorted(set(epochs))
    # The agent may be gone before the decision of the last barrier is answered.
    assert {row.status for row in decisions[:-1]} == {DecisionStatus.ACCEPTED}
    sizes = [(d.step.decision.executors_before, d.step.decision.executors) for d in decisions]
    assert sizes[0][1] == 1
    assert (1, MOST) in sizes
    components = beside.history.components(beside.key.id)
    assert [c.position for c in components] == list(range(6))
    assert components[-1].scale_out.end == MOST
    assert not beside.folder.exists


def test_it_fails_with_the_task_of_a_stock_operator(beside: Beside, tmp_path: Path) -> None:
    script = tmp_path / "failing.py"
    script.write_text(
        "from pyspark.sql import SparkSession\n"
        "print(SparkSession.builder.getOrCreate().sparkContext.range(9).sum())\n"
        "raise SystemExit(3)\n"
    )
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(beside.run_task, str(script))
        sensor = beside.sensor(mode="poke", poke_interval=0.3, timeout=300)
        with pytest.raises(AirflowFailException, match="has ended: failed"):
            sensor.execute(beside.context(sensor))
        with pytest.raises(AirflowException):
            task.result(timeout=60)

    row = beside.history.run(beside.key.id)
    assert row.state is RunState.FAILED
    assert len(beside.history.components(row.id)) == 1
