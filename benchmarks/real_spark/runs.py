# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""Runs a paced job on the embedded ``local-cluster``, as the operator's task does, and sums it up.

Tasks of the job wait instead of computing, so its iterations take the same time on any machine.
"""

from __future__ import annotations

import os
import random
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_enel.domain import RunKey
from benchmarks.real_spark.failed_tasks import failed_tasks
from dags_examples.demo.incidents import kill_an_executor
from tests.support.airflow.scratch import ScratchAirflow, end_all_of, find_spark
from tests.support.fakes.tasks import task_context
from tests.support.processes.spark import COMPILE_LITTLE, QUICK_JVM, SMALL_EXECUTORS
from tests.support.processes.waiting import until

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_enel.execution.run_task import RunTask
    from airflow_enel.history.interface import RunRow
    from airflow_enel.history.sql.repository import SqlHistory

APPLICATION: Final = Path(__file__).with_name("paced_job.py")
CORES: Final = 2
"""Of an executor: so many tasks wait in it at a time."""
RUN_LOG_SD: Final = 0.05
"""Of the pace of a whole run …"""
ITERATION_LOG_SD: Final = 0.03
"""… and of an iteration in it, in log seconds."""
_CONF: Final = {
    **SMALL_EXECUTORS,
    "spark.locality.wait": "0s",
    "spark.eventLog.enabled": "true",
    "spark.eventLog.compress": "false",
    "spark.eventLog.rolling.enabled": "false",
}
_WITHIN_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class PacedJob:
    """A recurring job whose runs and iterations differ as real ones do.

    :param tasks: of each iteration
    :param task_s: seconds that each of them waits in the middle
    :param doubled: iterations in which there are twice as many tasks: from one on to before one
    """

    iterations: int
    tasks: int
    task_s: float
    doubled: tuple[int, int] = (0, 0)

    def task_times_ms(self, seed: int) -> tuple[int, ...]:
        """How long the tasks of each iteration wait in one run."""
        chance = random.Random(seed)  # noqa: S311 - how long, not who
        run_s = self.task_s * chance.lognormvariate(0.0, RUN_LOG_SD)
        times_s = (
            run_s * chance.lognormvariate(0.0, ITERATION_LOG_SD) for _ in range(self.iterations)
        )
        return tuple(round(1000 * seconds) for seconds in times_s)

    def arguments(self, seed: int) -> list[str]:
        """Of `paced_job` in one run."""
        first, end = self.doubled
        return [
            f"--tasks={self.tasks}",
            f"--task-ms={','.join(map(str, self.task_times_ms(seed)))}",
            f"--doubled-from={first}",
            f"--doubled-until={end}",
        ]


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one run.

    :param executors: at the start
    :param lost: executors that went without being asked to
    :param failed_tasks: on executors that nobody has killed
    :param decisions: their sentences, each with the second at which it was taken
    """

    policy: str
    executors: int
    target_s: float | None
    runtime_s: float
    executor_seconds: float
    rescales: int
    lost: int
    failed_tasks: int
    decisions: tuple[str, ...]

    @property
    def missed(self) -> bool:
        """True if it took longer than its target."""
        return self.target_s is not None and self.runtime_s > self.target_s


class RealSpark:
    """An Airflow with its history, in which tasks run Spark.

    :param home: an empty folder
    """

    def __init__(self, home: Path) -> None:
        find_spark()
        for name in ("SPARK_DAEMON_JAVA_OPTS", "SPARK_SUBMIT_OPTS"):
            os.environ[name] = shlex.join(QUICK_JVM)
        os.environ["SPARK_LAUNCHER_OPTS"] = shlex.join(COMPILE_LITTLE)
        self._logs = home / "logs"
        self._logs.mkdir(parents=True)
        self._airflow = ScratchAirflow(home)

    def __enter__(self) -> RealSpark:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end_all_of(self._airflow.path)

    def task(self, job: PacedJob, dag_id: str, run_id: str, seed: int, **options: Any) -> RunTask:
        """Return what runs a job, with nothing submitted yet.

        :param seed: of its pace
        :param options: of the operator
        """
        from airflow_enel.operators.spark import EnelSparkOperator

        operator = EnelSparkOperator(
            task_id="job",
            application=str(APPLICATION),
            application_args=job.arguments(seed),
            executor_memory="512m",
            driver_memory="512m",
            executor_cores=CORES,
            conf={**_CONF, "spark.eventLog.dir": self._log_of(dag_id, run_id).as_uri()},
            status_poll_interval=0.5,
            **options,
        )
        return operator.run_task(task_context(dag_id, run_id))

    def run(
        self,
        job: PacedJob,
        dag_id: str,
        run_id: str,
        seed: int,
        *,
        kill_after: int | None = None,
        **options: Any,
    ) -> Ran:
        """Run a job to its end.

        :param seed: of its pace
        :param kill_after: components after which an executor is killed, None to kill none
        :param options: of the operator
        :raises AirflowException: if the application fails
        """
        task = self.task(job, dag_id, run_id, seed, **options)
        run_key = task.request.key
        if kill_after is None:
            task.run()
        else:
            with ThreadPoolExecutor(1) as pool:
                ended = pool.submit(task.run)
                try:
                    self._kill_an_executor(run_key, kill_after, ended.done)
                    ended.result()
                except BaseException:  # an interrupt does not wait for the end of the run
                    task.kill()
                    raise
        return self._found(run_key)

    def history(self) -> SqlHistory:
        """Return the history of this Airflow."""
        from airflow_enel.history.sql.repository import SqlHistory

        return SqlHistory()

    def copy_runs(self, source: str, dag_id: str) -> None:
        """Give a DAG the same past as another one has, run by run."""
        history = self.history()
        for row in reversed(history.runs(dag_id=source)):
            if row.outcome is None:
                raise RuntimeError(f"run {row.run.key.run_id} of {source} has not ended")
            key = replace(row.run.key, dag_id=dag_id)
            history.open_run(replace(row.run, key=key), None)
            history.save_components(key.id, history.components(row.id))
            for decided in history.decisions(row.id):
                history.intend(key.id, decided.step)
                history.complete(key.id, decided.step.decision.epoch, decided.answer)
            history.finish_run(key.id, row.outcome)

    def _kill_an_executor(self, key: RunKey, after: int, ended: Callable[[], bool]) -> None:
        until(lambda: ended() or self._components(key) >= after, _WITHIN_S)
        folder = self._airflow.path / "work" / key.id
        until(lambda: ended() or kill_an_executor(folder))

    def _components(self, key: RunKey) -> int:
        application = self.history().application(key.dag_id, key.run_id, key.task_id)
        return application.components

    def _found(self, key: RunKey) -> Ran:
        row = self.history().run(key.id)
        outcome = row.outcome
        if outcome is None or outcome.runtime_s is None:
            raise RuntimeError(f"the end of {key} is not known")
        (log,) = self._log_of(key.dag_id, key.run_id).iterdir()
        with log.open(encoding="utf-8") as lines:
            failed = failed_tasks(lines)
        return Ran(
            policy=row.run.policy,
            executors=row.run.initial_executors,
            target_s=row.run.runtime_target_s,
            runtime_s=outcome.runtime_s,
            executor_seconds=outcome.executor_seconds,
            rescales=outcome.rescales,
            lost=outcome.executors_lost,
            failed_tasks=failed,
            decisions=tuple(self._sentences(row)),
        )

    def _sentences(self, row: RunRow) -> list[str]:
        return [
            f"{decided.step.progress.elapsed_s:.1f} s: {decided.step.decision.reason}"
            for decided in self.history().decisions(row.id)
        ]

    def _log_of(self, dag_id: str, run_id: str) -> Path:
        folder = self._logs / dag_id / run_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder
