"""One poll of a sensor: the state of the application of another task, and one step of scaling.

Invariants: what is kept for the next poll only saves reading, see `observer_cache`; trouble with
the history or the agent never fails the sensor and is logged in one line.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_enel.control.report import outcome_line
from airflow_enel.domain import (
    EXECUTED_TASK_STATES,
    FINAL_TASK_STATES,
    UNSUCCESSFUL_RUN_STATES,
    AgentAddress,
    RunState,
)
from airflow_enel.execution.agent_access import UNOBSERVED
from airflow_enel.execution.history_access import connected_history
from airflow_enel.execution.request import work_dir
from airflow_enel.history.interface import Application, History, HistoryError, RunRow
from airflow_enel.spark.agent_client import AgentAnswerInvalid, AgentClient, AgentError
from airflow_enel.spark.submission.agent_address import read_address
from airflow_enel.spark.submission.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.execution.observer import Observer
    from airflow_enel.execution.observer_cache import ObserverCache

_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class SubmittingTask:
    """The task whose application a sensor watches.

    :param agent_address: where the agent of its application listens, if the author has said so
    """

    task_id: str
    map_index: int
    agent_address: AgentAddress | None


class SensorPoll:
    """One look at the application of another task.

    :param context: of the sensor's task instance
    :param cache: what earlier polls of this process have read
    """

    def __init__(
        self, task: SubmittingTask, context: Context, cache: ObserverCache, log: Logger
    ) -> None:
        self._task = task
        self._context = context
        self._cache = cache
        self._log = log
        self._refuse_unknown_task()

    def poll(self) -> bool:
        """True if the application has succeeded.

        :raises AirflowFailException: if it has failed, or will never be submitted
        """
        with connected_history(self._context, self._log) as history:
            if history is None:
                return False
            try:
                return self._evaluate_state(history)
            except AirflowException:
                raise
            except (HistoryError, AgentError) as error:
                if isinstance(error, AgentAnswerInvalid):
                    self._cache.reset()
                self._log.warning(UNOBSERVED, error)
            except Exception:
                self._cache.reset()
                self._log.exception("A fault of airflow-enel; the application is not affected")
            return False

    def _evaluate_state(self, history: History) -> bool:
        ti, task = self._context["ti"], self._task
        application = history.application(ti.dag_id, ti.run_id, task.task_id, task.map_index)
        row = application.run
        if row is None:
            self._check_task(application.task_state)
            return False
        if row.state is RunState.SUCCEEDED:
            self._log_end(row, application.components)
            return True
        if row.state in UNSUCCESSFUL_RUN_STATES:
            self._check_failed(row, application.task_state)
            return False
        if row.run.foreign_operator and application.task_state in EXECUTED_TASK_STATES:
            return self._conclude(history, application, row)
        self._observe(history, application, row)
        return False

    def _check_task(self, task_state: str | None) -> None:
        name = self._task.task_id
        if task_state == "success":
            raise AirflowFailException(
                f"Task {name!r} has succeeded without a Spark application that can be watched: use "
                "EnelSparkOperator there, or add airflow_enel.spark.agent_conf(…) to its conf"
            )
        if task_state in FINAL_TASK_STATES:
            raise AirflowFailException(
                f"Task {name!r} is {task_state} and has submitted no Spark application"
            )
        self._log.info("Task %r has not submitted its application yet", name)

    def _check_failed(self, row: RunRow, task_state: str | None) -> None:
        code = row.outcome.exit_code if row.outcome is not None else None
        how = row.state.value + ("" if code is None else f" with exit code {code}")
        if task_state in FINAL_TASK_STATES:
            raise AirflowFailException(
                f"The Spark application of task {self._task.task_id!r} has ended: {how}"
            )
        self._log.info("The application has ended (%s); its task may try again", how)

    def _log_end(self, row: RunRow, components: int) -> None:
        if row.outcome is not None:
            ended = outcome_line(row.outcome, row.run.runtime_target_s, components)
            self._log.info("Application %s", ended)

    # An application that runs

    def _observe(self, history: History, application: Application, row: RunRow) -> None:
        client = self._connected(history, row)
        if client is None:
            return
        with closing(client):
            self._cache.observer(history, application, row, self._log).poll(client)

    def _connected(self, history: History, row: RunRow) -> AgentClient | None:
        access = history.agent_of(row.id)
        recorded = None if access is None else access.address
        # What the driver says on this very machine is newer than what anybody has recorded.
        address = read_address(_folder(row).agent_address) or self._task.agent_address or recorded
        if address is None:
            self._log.info("The agent of the application is not up yet, or not on this machine")
            return None
        if access is None:
            self._log.warning(
                "The history has no token for the agent, so the application runs on at its size; "
                "does the API server have a [core] fernet_key?"
            )
            return None
        if address != recorded:
            history.save_agent(row.id, address)
        return AgentClient(address, access.token)

    # An application of another operator whose task has executed: nobody else tells its end

    def _conclude(self, history: History, application: Application, row: RunRow) -> bool:
        succeeded = application.task_state == "success"
        folder = _folder(row)
        observer = self._cache.observer(history, application, row, self._log)
        if not folder.final_state.is_file():
            client = self._connected(history, row)
            if client is not None:
                with closing(client):
                    if _runs_on(observer, client) and succeeded:  # an operator that did not wait
                        observer.poll(client)
                        return False
        state = RunState.SUCCEEDED if succeeded else RunState.FAILED
        observer.conclude(folder.final_state, None, state)
        folder.remove()
        if not succeeded:
            self._check_failed(history.run(row.id), application.task_state)
        return succeeded

    def _refuse_unknown_task(self) -> None:
        dag, name = self._context.get("dag"), self._task.task_id
        if dag is not None and not dag.has_task(name):
            raise AirflowFailException(f"There is no task {name!r} in this DAG to watch")


def parse_address(text: str | None) -> AgentAddress | None:
    """An address as users write it; None for none, as a template may render it.

    :raises ValueError: if it is none
    """
    if text is None or text.strip() in ("", "None"):
        return None
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= _LAST_PORT:
        raise ValueError(f"agent_address is {text!r}; write host:port, such as driver.local:4050")
    return AgentAddress(host, int(port))


def _runs_on(observer: Observer, client: AgentClient) -> bool:
    try:
        return observer.read(client).ended_at is None
    except AgentError:
        return False


def _folder(row: RunRow) -> RunFolder:
    return RunFolder.of(row.id, work_dir())
