"""The promise on real Spark: sized from history, rescaled when the run differs from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from airflow_enel.domain import Component, RunKey, RunOutcome, RunState, ScaleOut
from airflow_enel.execution.run_task import RunTask
from airflow_enel.history.interface import DecisionRow, DecisionStatus, RunRow
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.operators.spark import EnelSparkOperator
from dags_examples.demo.incidents import kill_an_executor
from tests.support.fakes.tasks import task_context
from tests.support.processes.spark import ITERATIVE, SMALL_EXECUTORS, use_spark
from tests.support.processes.waiting import until

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark_home", "airflow_db")]

ITERATIONS = 6
MOST = 3
"""``max_executors``, and the size of the run that the histories are made from."""
CONF = {**SMALL_EXECUTORS, "spark.locality.wait": "0s"}
ALL_AT_ONCE = {
    "spark.cores.max": str(MOST),
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "60s",
}


@pytest.fixture(autouse=True)
def work_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    return tmp_path / "work"


def execution(dag_id: str, *, all_at_once: bool = False, **options: Any) -> RunTask:
    """A task's execution without its process, on the embedded cluster.

    Iterations wait for 3, 1.5 and 1 s on 1, 2 and 3 executors, whatever the machine.

    :param all_at_once: start working when the largest number of executors is there
    """
    operator = EnelSparkOperator(
        task_id="job",
        application=ITERATIVE,
        application_args=[
            *("--iterations", str(ITERATIONS)),
            *("--tasks", "6"),
            *("--task-seconds", "0.5"),
        ],
        executor_memory="512m",
        conf={**CONF, **(ALL_AT_ONCE if all_at_once else {})},
        **{"policy": "ellis", "max_executors": MOST, "status_poll_interval": 0.25, **options},
    )
    return operator.run_task(task_context(dag_id, "now"))


@dataclass(frozen=True)
class Observed:
    """A real run, which histories are made from.

    :param row: of a run at :data:`MOST` executors
    :param components: the first is the start-up, the others are iterations
    """

    row: RunRow
    outcome: RunOutcome
    components: tuple[Component, ...]

    def total_s(self, executors: int, slowness: float, elasticity: float = 1.0) -> float:
        """Seconds of a made-up run, which ends with its last component."""
        return sum(self._added_s(executors, slowness, elasticity))

    def remember(self, dag_id: str, slowness: float, elasticity: float = 1.0) -> None:
        """Seed a history at every size, slower than the real run by a factor.

        :param elasticity: 1 if twice the executors take half the time, 0 if they change nothing

        The start-up is never made slower: the real ones differ by seconds, and to begin with
        much time to spare is to give executors back before there is anything to see.
        """
        history = SqlHistory()
        for executors in range(1, MOST + 1):
            key = RunKey(dag_id, f"past at {executors}", "job", -1, 1)
            run = replace(self.row.run, key=key, initial_executors=executors)
            runtime_s = self.total_s(executors, slowness, elasticity)
            started_at = (self.outcome.started_at or 0.0) - 1000.0 * executors
            history.open_run(run, None)
            added_s = self._added_s(executors, slowness, elasticity)
            history.save_components(key.id, self._components(executors, added_s, started_at))
            past = replace(
                self.outcome,
                started_at=started_at,
                ended_at=started_at + runtime_s,
                runtime_s=runtime_s,
                executor_seconds=runtime_s * executors,
                executors_at_start=executors,
            )
            history.finish_run(key.id, past)

    def _added_s(self, executors: int, slowness: float, elasticity: float) -> list[float]:
        start_up, *iterations = (c.added_s or 0.0 for c in self.components)
        each_s = median(iterations) * slowness * (MOST / executors) ** elasticity
        return [start_up * min(slowness, 1.0), *(each_s for _ in iterations)]

    def _components(
        self, executors: int, seconds: list[float], started_at: float
    ) -> tuple[Component, ...]:
        made_up = []
        at = started_at
        for real, added_s in zip(self.components, seconds, strict=True):
            component = replace(
                real,
                started_at=at,
                finished_at=at + added_s,
                added_s=added_s,
                scale_out=ScaleOut(executors, executors, 0.0, float(executors)),
                disturbed=False,
                stages=(),
            )
            made_up.append(component)
            at += added_s
        return tuple(made_up)


@pytest.fixture(scope="module")
def observed(airflow_db: None, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """One real run at the largest size."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_spark(monkeypatch)
        folder = tmp_path_factory.mktemp("observed")
        monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(folder))
        execution("observed", all_at_once=True, policy="static").run()
    (row,) = SqlHistory().runs(dag_id="observed")
    assert row.outcome is not None
    components = SqlHistory().components(row.id)
    assert len(components) == 1 + ITERATIONS
    return Observed(row, row.outcome, components)


@dataclass(frozen=True)
class Result:
    """What is remembered of a run that has ended."""

    outcome: RunOutcome
    components: tuple[Component, ...]
    decisions: tuple[DecisionRow, ...]

    @classmethod
    def of(cls, dag_id: str) -> Result:
        history = SqlHistory()
        run_id = run_id_of(dag_id)
        (row,) = (row for row in history.runs(dag_id=dag_id) if row.id == run_id)
        assert row.outcome is not None
        return cls(row.outcome, history.components(run_id), history.decisions(run_id))

    @property
    def ends(self) -> list[int]:
        """Executors at the end of each component."""
        return [c.scale_out.end for c in self.components]

    def starts_from_a_forecast_with(self, executors: int) -> bool:
        first = self.decisions[0].step
        return first.forecast is not None and first.decision.executors == executors

    def changes(self) -> list[int]:
        """By how much accepted decisions during the run changed the number of executors."""
        decisions = [
            row.step.decision for row in self.decisions[1:] if row.status is DecisionStatus.ACCEPTED
        ]
        return [d.executors - d.executors_before for d in decisions]

    def nothing_failed(self) -> bool:
        stages = [stage for c in self.components for stage in c.stages]
        return (
            (self.outcome.state, self.outcome.exit_code) == (RunState.SUCCEEDED, 0)
            and len(self.components) == 1 + ITERATIONS
            and all(c.succeeded for c in self.components)
            and all(stage.failure is None for stage in stages)
        )


def run_id_of(dag_id: str) -> str:
    return RunKey(dag_id, "now", "job", -1, 1).id


def check_decisions(decisions: tuple[DecisionRow, ...], least: int) -> None:
    """One decision per barrier, each within the bounds; executors of one core have one slot."""
    epochs = [row.step.decision.epoch for row in decisions]
    barriers = [len(row.finished) + row.step.progress.lost for row in decisions]
    assert epochs == barriers == sorted(set(epochs))
    assert all(least <= row.step.decision.executors <= MOST for row in decisions)
    assert all(row.step.progress.slots == row.step.progress.executors for row in decisions)
    assert all(
        row.step.progress.initial == decisions[0].step.decision.executors for row in decisions[1:]
    )


def test_a_run_that_is_slower_than_its_history_gets_more_executors(observed: Observed) -> None:
    observed.remember("slower", slowness=1 / 3)
    target_s = 1.05 * observed.total_s(1, 1 / 3)
    execution("slower", runtime_target=target_s).run()

    result = Result.of("slower")
    assert result.starts_from_a_forecast_with(1)
    assert max(result.changes()) > 0
    assert result.ends[-1] > result.ends[0]
    assert result.nothing_failed()
    assert result.outcome.rescales > 0
    check_decisions(result.decisions, least=1)
    assert len(result.decisions) >= 1 + ITERATIONS  # the last barrier may be the end of the run


def test_a_run_that_is_faster_than_its_history_gives_executors_back(observed: Observed) -> None:
    observed.remember("faster", slowness=3)
    target_s = (observed.total_s(MOST, 3) + observed.total_s(MOST - 1, 3)) / 2
    execution("faster", all_at_once=True, runtime_target=target_s).run()

    result = Result.of("faster")
    assert result.starts_from_a_forecast_with(MOST)
    assert min(result.changes()) < 0
    assert max(result.ends) == MOST
    assert result.ends[-1] < MOST
    assert result.nothing_failed()
    assert result.outcome.executors_lost == 0  # they were drained
    check_decisions(result.decisions, least=1)
    assert len(result.decisions) >= 1 + ITERATIONS


def test_policy_enel_gives_back_by_its_plan_what_a_faster_run_can_do_without(
    observed: Observed,
) -> None:
    """Executors help little by the history, so as few as are in time are the cheapest."""
    past = {"slowness": 20.0, "elasticity": 0.2}
    observed.remember("planned", **past)
    target_s = (observed.total_s(MOST, **past) + observed.total_s(MOST - 1, **past)) / 2
    execution("planned", all_at_once=True, policy="enel", runtime_target=target_s).run()

    result = Result.of("planned")
    assert result.starts_from_a_forecast_with(MOST)
    released = [row.step.decision for row in result.decisions[1:] if row.step.decision.changes]
    assert released
    assert released[0].executors < released[0].executors_before
    assert all("cheapest plan in time" in d.reason for d in released)
    assert result.nothing_failed()
    assert result.outcome.executors_lost == 0  # they were drained
    assert result.outcome.violation_s == 0
    check_decisions(result.decisions, least=1)


def test_a_run_survives_the_death_of_an_executor(observed: Observed, work_dir: Path) -> None:
    observed.remember("bereft", slowness=1)
    target_s = 1.05 * observed.total_s(2, 1)
    running = execution("bereft", runtime_target=target_s, min_executors=2)
    run_id = run_id_of("bereft")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(running.run)
        until(lambda: ended.done() or decisions_of(run_id) > 1, within_s=60)
        assert kill_an_executor(work_dir / run_id)
        ended.result(timeout=90)

    result = Result.of("bereft")
    assert result.nothing_failed()
    assert result.outcome.executors_lost == 1
    afterwards = [row for row in result.decisions if row.step.progress.lost]
    assert afterwards
    assert DecisionStatus.ACCEPTED in {row.status for row in afterwards}
    check_decisions(result.decisions, least=2)


def decisions_of(run_id: str) -> int:
    history = SqlHistory()
    known = any(row.id == run_id for row in history.runs(dag_id="bereft"))
    return len(history.decisions(run_id)) if known else 0
