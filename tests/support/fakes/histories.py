"""A history in memory, for what runs a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_enel.domain import (
    NO_SWITCHES,
    AgentAccess,
    AgentAddress,
    Component,
    DagRunOutlook,
    Run,
    RunOutcome,
    RunState,
    ScaleAnswer,
    Step,
    Switches,
)
from airflow_enel.history.interface import HistoryUnavailable, RunRow, UnknownRun
from airflow_enel.history.memory_queue import MemoryQueue

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class MemoryHistory:
    """Keeps runs; has no past runs and no models.

    :ivar away: True while it cannot be reached
    :ivar agents: by run id
    :ivar held_back: the switches of every job
    :ivar warned: when people were told that a run will miss its target, by run id
    :ivar outlook_of_dag_run: what it says of every DAG run
    """

    def __init__(self) -> None:
        self.away = False
        self.runs: dict[str, Run] = {}
        self.states: dict[str, RunState] = {}
        self.outcomes: dict[str, RunOutcome] = {}
        self.agents: dict[str, AgentAccess] = {}
        self.steps: list[Step] = []
        self.answers: list[tuple[int, ScaleAnswer | None]] = []
        self.components: dict[int, Component] = {}
        self.outlook_of_dag_run = DagRunOutlook()

        self.held_back = NO_SWITCHES
        self.warned: dict[str, float] = {}

    def _reach(self) -> None:
        if self.away:
            raise HistoryUnavailable("away")

    def remember(self, run: Run, state: RunState) -> None:
        """Have a run that was opened before."""
        self.runs[run.key.id], self.states[run.key.id] = run, state

    def past_runs(self, *_: Any, **__: Any) -> tuple[()]:
        self._reach()
        return ()

    def latest_model(self, _: str) -> None:
        self._reach()

    def outlook(self, *_: Any) -> DagRunOutlook:
        self._reach()
        return self.outlook_of_dag_run

    def run(self, run_id: str) -> RunRow:
        self._reach()
        if run_id not in self.runs:
            raise UnknownRun(run_id)
        outcome = self.outcomes.get(run_id)
        return RunRow(run_id, self.runs[run_id], self.states[run_id], outcome, 0)

    def agent_of(self, run_id: str) -> AgentAccess | None:
        self._reach()
        return self.agents.get(run_id)

    def open_run(self, run: Run, agent_token: str | None) -> None:
        self._reach()
        self.runs[run.key.id] = run
        self.states.setdefault(run.key.id, RunState.SUBMITTED)

    def save_agent(self, run_id: str, address: AgentAddress) -> None:
        self._reach()

    def switches(self, _: str) -> Switches:
        self._reach()
        return self.held_back

    def warn_of_miss(self, run_id: str, at: float) -> bool:
        self._reach()
        return self.warned.setdefault(run_id, at) == at

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:
        self._reach()
        self.components.update({component.position: component for component in components})

    def intend(self, run_id: str, step: Step) -> bool:
        self._reach()
        self.steps.append(step)
        return True

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        self._reach()
        self.answers.append((epoch, answer))

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        self._reach()
        self.outcomes[run_id], self.states[run_id] = outcome, outcome.state

    def write_queue(self, file: Path, log: Logger) -> MemoryQueue:
        return MemoryQueue(self, log)  # type: ignore[arg-type]
