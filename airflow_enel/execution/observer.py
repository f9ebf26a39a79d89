"""One poll of an application: read, decide, act, record, save components, log progress.

For loops beside the driver, for loops on another machine, and for the pokes of a sensor: all that
must be remembered is in the agent's event stream and in the history. Invariants: a decision is
recorded before it is sent; without a fresh reading nothing is asked of Spark.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_enel.control.decide import decide
from airflow_enel.control.outcome import outcome
from airflow_enel.control.report import outcome_line
from airflow_enel.domain import ScaleAnswer
from airflow_enel.execution.clock import SYSTEM_CLOCK, Clock
from airflow_enel.execution.miss_warning import MissWarning
from airflow_enel.execution.progress_log import ProgressLog
from airflow_enel.history.interface import HistoryRefused
from airflow_enel.history.records import (
    ComponentsSaved,
    DecisionCompleted,
    RunFinished,
)
from airflow_enel.spark.agent_reader import AgentReader

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.control.decide import Assessment
    from airflow_enel.domain import Component, Decision, RunState, Snapshot, Step
    from airflow_enel.execution.history_writer import DecisionWriter
    from airflow_enel.execution.miss_callbacks import MissCallbacks
    from airflow_enel.execution.scaling_config import MonitoredRun
    from airflow_enel.spark.agent_client import AgentClient

_LOCAL_MODE: Final = (
    "The application runs in local mode, in its driver alone: there are no executors to scale, and "
    "nothing is learned from this run. To have it sized, let the Spark connection name a cluster, "
    "and set no master in the application"
)
_INCOMPLETE: Final = (
    "Events of the application were lost, or its driver's clock was set back: it stays at its "
    "present size"
)


class Observer:
    """Observes one application.

    :param saved: how many of its finished components the history has already
    :param on_miss: what else is to happen when its target will be missed
    """

    def __init__(
        self,
        run: MonitoredRun,
        writer: DecisionWriter,
        log: Logger,
        *,
        saved: int = 0,
        clock: Clock = SYSTEM_CLOCK,
        on_miss: MissCallbacks | None = None,
    ) -> None:
        self._run = run
        self._writer = writer
        self._log = log
        self._clock = clock
        self._progress_log = ProgressLog(
            log, run.config.target_s, run.expected_components, clock.now
        )
        self._miss_warning = MissWarning(run, on_miss, log)
        self._application = AgentReader()
        self._saved_before = saved
        self._saved: set[int] = set()
        self._intended: Step | None = None  # recorded, and the same until it is answered
        self._answered_epoch = -1
        self._first_look = True
        self._warned: set[str] = set()
        self._held: set[str] = set()

    def poll(self, client: AgentClient) -> Snapshot:
        """Look once.

        :raises AgentError: if the agent cannot be asked or understood
        :raises HistoryError: if ``writer`` raises it; nothing was sent that is not recorded
        """
        asked_at = self._clock.now()
        snapshot = self.read(client)
        self._warn_of_local_mode(snapshot)
        if not snapshot.complete:
            self._warn_once(_INCOMPLETE)
        now = snapshot.read_at + (self._clock.now() - asked_at)
        assessment = self._assess(snapshot, now)
        step = None if snapshot.local_mode else assessment.step
        if step is not None and step.decision.epoch > self._answered_epoch:
            self._act(client, step)
        if self._first_look:
            self._save_answer(snapshot)
            self._first_look = False
        self._save_components(snapshot)
        self._progress_log.update(assessment)
        if snapshot.ended_at is None and not snapshot.local_mode:
            self._miss_warning.update(assessment, self._writer)
        return snapshot

    def read(self, client: AgentClient) -> Snapshot:
        """Read only.

        :raises AgentError: if the agent cannot be asked or understood
        """
        return self._application.read(client)

    def conclude(self, final_file: Path, exit_code: int | None, state: RunState) -> None:
        """Record how the application has ended, by the most that can be known of it.

        That is the state that the agent left in ``final_file``, else what was read last.

        :param exit_code: of spark-submit, None if nobody knows it
        """
        target_s = self._run.config.target_s
        snapshot = self._application.read_final(final_file) or self._application.last
        if snapshot is None:
            self._log.warning("Nothing is known of the run, because its agent was never reached")
            snapshot = replace(self._application.nothing(), complete=False)
        self._warn_of_local_mode(snapshot)
        self._save_components(snapshot)
        result = outcome(snapshot, exit_code, target_s, state)
        self._writer.write(RunFinished(self._run.run_id, result))
        finished = len(snapshot.finished_components)
        self._log.info("Application %s", outcome_line(result, target_s, finished))

    def log_last_progress(self) -> None:
        """Log how far the application was when it was read last, unless that is logged already.

        For an application whose end others record.
        """
        self._progress_log.finish()

    def _assess(self, snapshot: Snapshot, now: float) -> Assessment:
        """Assess the application, with the switches as they are when something would change."""
        assessment = decide(self._run.config, snapshot, now)
        if snapshot.local_mode or assessment.step is None or not assessment.step.decision.changes:
            return assessment
        switches = self._writer.switches(self._run.run_id)
        return decide(self._run.config, snapshot, now, switches) if switches else assessment

    def _act(self, client: AgentClient, step: Step) -> None:
        run_id = self._run.run_id
        intended = self._intended
        if intended is None or intended.decision.epoch != step.decision.epoch:
            intended = self._intended = self._writer.intend(run_id, step)
        if intended is None:
            return
        decision = intended.decision
        answer: ScaleAnswer | None = None
        try:
            answer = client.scale(decision.executors, decision.try_number, decision.epoch)
            self._answered_epoch = decision.epoch
        finally:
            self._writer.write(DecisionCompleted(run_id, decision.epoch, answer))
        if not answer.accepted:
            self._warn_once("Spark did not take the request: %s", answer.message)
        elif decision.changes or self._is_newly_held(decision):
            self._log.info("Decision %d: %s", decision.epoch, decision.reason)

    def _is_newly_held(self, decision: Decision) -> bool:
        """Return True if guards hold back a change for other reasons than they did before."""
        before, self._held = self._held, {note.guard for note in decision.guards}
        return bool(self._held - before)

    def _save_answer(self, snapshot: Snapshot) -> None:
        """Record the latest answer of the agent: whoever had asked may have died before."""
        if snapshot.requests:
            last = max(snapshot.requests, key=lambda request: request.epoch)
            answer = ScaleAnswer(True, last.executors, "")
            with suppress(HistoryRefused):  # a decision that was never recorded
                self._writer.write(DecisionCompleted(self._run.run_id, last.epoch, answer))

    def _save_components(self, snapshot: Snapshot) -> None:
        finished = snapshot.finished_components
        if self._saved_before:  # they were saved in the order in which they finished
            first = sorted(finished, key=_finish)[: self._saved_before]
            self._saved.update(component.position for component in first)
            self._saved_before = 0
        fresh = tuple(c for c in finished if c.position not in self._saved)
        if fresh:
            self._writer.write(ComponentsSaved(self._run.run_id, fresh))
            self._saved.update(component.position for component in fresh)

    def _warn_of_local_mode(self, snapshot: Snapshot) -> None:
        if snapshot.local_mode:
            self._warn_once(_LOCAL_MODE)

    def _warn_once(self, message: str, *arguments: object) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._log.warning(message, *arguments)


def _finish(component: Component) -> tuple[float, int]:
    return component.finished_at or 0.0, component.position
