"""What a try does, row by row of the tables in docs/lifecycle.md, in virtual time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_enel.control.feasibility import OnInfeasible
from airflow_enel.domain import (
    AgentAccess,
    AgentAddress,
    Bounds,
    DagRunOutlook,
    RunKey,
    RunState,
    TargetSource,
    TaskStanding,
)
from airflow_enel.execution import agent_access, driver_loop, run_task
from airflow_enel.execution.history_access import HistoryAccess
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.result_reporter import ReporterCredentials
from airflow_enel.execution.run_task import RunTask
from airflow_enel.execution.submission_record import SubmissionRecord
from airflow_enel.spark.agent_client import AgentUnreachable, EventPage, parse_page
from airflow_enel.spark.submission.base import DriverLost
from airflow_enel.spark.submission.run_folder import Submission
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import page
from tests.support.fakes.applications import FakeDriver, FakeSubmitter
from tests.support.fakes.clocks import VirtualTime
from tests.support.fakes.histories import MemoryHistory
from tests.support.fakes.tasks import StateStore

FIRST = RunKey("dag", "run", "task", -1, submit_try=1)
SECOND = replace(FIRST, submit_try=2)
PATIENCE_S = 600.0
EVICTED = TaskStanding("running", current=True, retry_remains=True)
MARKED = TaskStanding("failed", current=True, retry_remains=True)
LOG = cast("Any", logging.getLogger("run_task"))


def request(key: RunKey = SECOND, **changes: Any) -> RunRequest:
    known = {"policy": "static", "bounds": Bounds(1, 2), "runtime_target_s": None, **changes}
    return RunRequest(key, "job", "job.py", **known)


@dataclass
class World:
    """A task instance, what its tries have left, and an agent."""

    submitter: FakeSubmitter
    time: VirtualTime = field(default_factory=VirtualTime)
    history: MemoryHistory = field(default_factory=MemoryHistory)
    store: StateStore = field(default_factory=StateStore)
    standing: TaskStanding | None = None
    agent_answers: bool = True
    ended_through_agent: list[int] = field(default_factory=list)

    def left_on_this_worker(
        self, code: int | None, target_s: float | None = None, **changes: Any
    ) -> FakeDriver:
        """Have a driver of the first try here, or what is left of it."""
        run = request(FIRST, runtime_target_s=target_s).run(2, 1000.0)
        folder = self.submitter.folder(FIRST.id)
        folder.make()
        folder.write_submission(Submission(run, "the secret"))
        if code is not None:
            folder.exit_code.write_text(str(code))
        driver = FakeDriver(folder, code=code, **changes)
        self.submitter.drivers[FIRST.id] = driver
        self.record(SubmissionRecord.here(1))
        return driver

    def left_elsewhere(self, state: RunState | None, *, agent: bool = False) -> None:
        """Have an application of the first try on another worker, as far as anybody knows."""
        self.record(SubmissionRecord(1, "another-host"))
        if state is not None:
            self.history.remember(request(FIRST).run(2, 1000.0), state)
        if agent:
            self.history.agents[FIRST.id] = AgentAccess(
                "the secret", AgentAddress("another-host", 1)
            )

    def record(self, record: SubmissionRecord) -> None:
        record.write(self.store)

    def with_deadline_alert(self) -> RunTask:
        return self.attempt(dag=SimpleNamespace(deadline=["an alert"]))

    def attempt(self, dag: Any = None, **changes: Any) -> RunTask:
        ti = SimpleNamespace(try_number=2, max_tries=3)
        context = cast("Any", {"ti": ti, "task_state_store": self.store, "dag": dag})
        submitter = cast("Any", self.submitter)
        return RunTask(request(**changes), submitter, context, LOG, self.time.clock)

    @contextmanager
    def access(self, *_: Any) -> Iterator[HistoryAccess]:
        yield HistoryAccess(
            cast("Any", self.history),
            ask=lambda: self.standing,
            lease=lambda: ReporterCredentials("http://api", "capability", "task"),
            revoke=lambda _: None,
        )

    @property
    def submitted(self) -> list[int]:
        return [submission.run.key.submit_try for submission in self.submitter.submitted]

    def is_removed(self, key: RunKey) -> bool:
        return not self.submitter.folder(key.id).path.exists()


class FakeAgent:
    """An agent that the tests of one world share."""

    world: World

    def __init__(self, address: AgentAddress, token: str) -> None:
        assert token == "the secret"

    def events(self, after: int) -> EventPage:
        if not self.world.agent_answers:
            raise AgentUnreachable("no answer")
        return parse_page(page(e.simple_run(components=1)[:-1], after))

    def scale(self, *_: Any) -> Any:
        raise AssertionError("nothing is to be scaled with the policy static")

    def end(self, try_number: int) -> None:
        if not self.world.agent_answers:
            raise AgentUnreachable("no answer")
        self.world.ended_through_agent.append(try_number)
        self.world.history.states[FIRST.id] = RunState.KILLED

    def close(self) -> None: ...


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(FakeSubmitter(tmp_path / "work"))
    monkeypatch.setattr(run_task, "history_access", made.access)
    monkeypatch.setattr(run_task, "unknown_patience_s", lambda: PATIENCE_S)
    monkeypatch.setattr(FakeAgent, "world", made, raising=False)
    monkeypatch.setattr(agent_access, "AgentClient", FakeAgent)
    monkeypatch.setattr(driver_loop, "AgentClient", FakeAgent)
    return made


# What a try does about the application of an earlier one

DURABLE = pytest.mark.parametrize("durable", [True, False])


@DURABLE
def test_no_earlier_application_is_a_submission(world: World, durable: bool) -> None:
    world.attempt(durable=durable).run()
    assert world.submitted == [2]


def test_the_input_is_measured_before_a_new_application_is_sized(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "input").write_bytes(b"x" * 2**20)
    world.attempt(input_paths=(str(tmp_path / "input"),)).run()
    (submission,) = world.submitter.submitted
    assert submission.run.context.get("input_mib") == 1


def test_an_application_that_goes_on_keeps_what_was_measured_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(run_task, "with_input_size", lambda *given: asked.append(given))
    driver = world.left_on_this_worker(None)
    world.time.at(100.0, lambda: setattr(driver, "code", 0))
    world.attempt(input_paths=("/somewhere",)).run()
    assert (world.submitted, asked) == ([], [])


# What a deadline leaves


def test_a_run_is_stored_with_the_deadline_of_its_dag(world: World) -> None:
    at = time.time() + 600
    world.history.outlook_of_dag_run = DagRunOutlook((at,), ("load",), 100.0)
    world.with_deadline_alert().run()
    run = world.history.runs[SECOND.id]
    assert (run.target_source, run.deadline_at) == (TargetSource.DEADLINE_ALERT, at)
    assert run.runtime_target_s == pytest.approx(500.0, abs=30)


@pytest.mark.parametrize("on_infeasible", OnInfeasible)
def test_a_retry_after_the_deadline_runs_as_fast_as_possible(
    world: World, on_infeasible: OnInfeasible, caplog: pytest.LogCaptureFixture
) -> None:
    late = {"deadline_at": time.time() - 3600, "policy": "ellis", "bounds": Bounds(1, 8)}
    world.attempt(on_infeasible=on_infeasible, **late).run()
    (submission,) = world.submitter.submitted
    assert submission.run.initial_executors == 8
    assert (
        "no time is left for the application: expected to miss by more than 3600 s" in caplog.text
    )


def test_a_first_try_after_the_deadline_submits_nothing_and_is_not_retried_if_told_so(
    world: World,
) -> None:
    attempt = world.attempt(
        key=FIRST, deadline_at=time.time() - 3600, on_infeasible=OnInfeasible.FAIL
    )
    with pytest.raises(AirflowFailException, match=r"nothing was submitted.*on_infeasible='fail'"):
        attempt.run()
    assert (world.submitted, world.store, world.history.runs) == ([], {}, {})


def test_an_application_of_an_earlier_try_is_followed_though_its_deadline_has_passed(
    world: World,
) -> None:
    driver = world.left_on_this_worker(None)
    world.time.at(10.0, lambda: setattr(driver, "code", 0))
    late = {"deadline_at": time.time() - 3600, "on_infeasible": OnInfeasible.FAIL}
    world.attempt(**late).run()
    assert (world.submitted, world.history.states[FIRST.id]) == ([], RunState.SUCCEEDED)


def test_an_author_who_has_set_the_size_keeps_it_after_the_deadline(world: World) -> None:
    late = {"deadline_at": time.time() - 3600, "initial_executors": 2, "bounds": Bounds(1, 8)}
    world.attempt(policy="static", **late).run()
    (submission,) = world.submitter.submitted
    assert submission.run.initial_executors == 2


def test_a_driver_that_runs_here_is_followed_to_its_end(world: World) -> None:
    driver = world.left_on_this_worker(None)
    world.time.at(100.0, lambda: setattr(driver, "code", 0))
    world.attempt().run()
    assert (world.submitted, world.history.states[FIRST.id]) == ([], RunState.SUCCEEDED)
    assert world.is_removed(FIRST)
    assert world.store == {}


def test_a_driver_that_runs_here_is_ended_first_for_a_task_that_is_not_durable(
    world: World,
) -> None:
    driver = world.left_on_this_worker(None)
    world.attempt(durable=False).run()
    assert (driver.terminated, world.submitted) == (True, [2])


def test_a_success_here_that_no_task_has_used_becomes_this_trys_with_its_output(
    world: World,
) -> None:
    world.left_on_this_worker(0, output=["the result is 42"])
    world.attempt().run()
    assert (world.submitted, world.submitter.logged) == ([], ["the result is 42"])


def test_a_success_here_is_removed_for_a_task_that_is_not_durable(world: World) -> None:
    world.left_on_this_worker(0)
    world.attempt(durable=False).run()
    assert world.submitted == [2]
    assert world.history.states[FIRST.id] is RunState.SUCCEEDED


@DURABLE
@pytest.mark.parametrize("end", [{"code": 3}, {"code": None, "lost": True}])
def test_a_driver_here_that_is_over_is_removed_and_replaced(
    world: World, durable: bool, end: Any
) -> None:
    world.left_on_this_worker(**end)
    world.attempt(durable=durable).run()
    assert (world.submitted, world.is_removed(FIRST)) == ([2], True)


def test_an_application_elsewhere_is_followed_by_its_agent_and_ends_as_the_history_says(
    world: World,
) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    ends = lambda: world.history.states.update({FIRST.id: RunState.SUCCEEDED})  # noqa: E731
    world.time.at(100.0, ends)
    world.attempt().run()
    assert (world.submitted, world.store) == ([], {})
    assert world.history.components.keys() == {0}


def test_an_application_elsewhere_that_fails_fails_the_task(world: World) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    fails = lambda: world.history.states.update({FIRST.id: RunState.FAILED})  # noqa: E731
    world.time.at(100.0, fails)
    with pytest.raises(AirflowException, match="has failed; its output is on the worker of try 1"):
        world.attempt().run()


def test_an_application_elsewhere_is_ended_by_its_agent_for_a_task_that_is_not_durable(
    world: World,
) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    world.attempt(durable=False).run()
    assert (world.ended_through_agent, world.submitted) == ([2], [2])


def test_an_application_elsewhere_that_cannot_be_ended_for_certain_stops_the_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    monkeypatch.setattr(FakeAgent, "end", lambda *_: None)
    with pytest.raises(AirflowException, match="airflow enel mark-lost"):
        world.attempt(durable=False).run()
    assert world.submitted == []


def test_a_success_elsewhere_that_no_task_has_used_becomes_this_trys(world: World) -> None:
    world.left_elsewhere(RunState.SUCCEEDED)
    world.attempt().run()
    assert (world.submitted, world.store) == ([], {})


def test_a_success_elsewhere_is_nothing_to_a_task_that_is_not_durable(world: World) -> None:
    world.left_elsewhere(RunState.SUCCEEDED)
    world.attempt(durable=False).run()
    assert world.submitted == [2]


@DURABLE
@pytest.mark.parametrize("state", [RunState.FAILED, RunState.KILLED, RunState.LOST])
def test_an_application_elsewhere_that_is_over_is_replaced(
    world: World, durable: bool, state: RunState
) -> None:
    world.left_elsewhere(state)
    world.attempt(durable=durable).run()
    assert world.submitted == [2]


@DURABLE
@pytest.mark.parametrize("known", [None, RunState.SUBMITTED])
def test_what_stays_unknown_fails_the_try_after_its_patience_and_is_never_doubled(
    world: World, durable: bool, known: RunState | None, caplog: pytest.LogCaptureFixture
) -> None:
    world.left_elsewhere(known, agent=True)
    world.agent_answers = False
    with pytest.raises(AirflowException, match=f"airflow enel mark-lost {FIRST.id}"):
        world.attempt(durable=durable).run()
    assert world.submitted == []
    assert PATIENCE_S <= world.time.now_s <= PATIENCE_S + 10
    assert len([r for r in caplog.records if "waiting 600 s" in r.message]) == 1


def test_with_nobody_to_ask_a_try_waits_as_for_the_unknown(world: World) -> None:
    world.left_elsewhere(RunState.SUCCEEDED, agent=True)
    world.history.away = True
    world.time.at(60.0, lambda: setattr(world.history, "away", False))
    world.agent_answers = False
    world.attempt().run()
    assert (world.submitted, world.time.now_s >= 60.0) == ([], True)


def test_what_is_known_while_a_try_waits_is_acted_upon(world: World) -> None:
    world.left_elsewhere(RunState.SUBMITTED)
    lost = lambda: world.history.states.update({FIRST.id: RunState.LOST})  # noqa: E731
    world.time.at(60.0, lost)
    world.attempt().run()
    assert (world.submitted, 60.0 <= world.time.now_s < 70.0) == ([2], True)


def test_a_try_that_waits_and_is_told_to_stop_stops(world: World) -> None:
    world.left_elsewhere(RunState.SUBMITTED)
    attempt = world.attempt()
    world.time.at(60.0, attempt.kill)
    with pytest.raises(AirflowException, match="cannot be found out"):
        attempt.run()
    assert world.time.now_s < 70.0


@DURABLE
def test_a_driver_that_was_here_is_gone_with_its_machine(world: World, durable: bool) -> None:
    world.record(SubmissionRecord.here(1))
    world.attempt(durable=durable).run()
    assert world.submitted == [2]


@pytest.mark.parametrize("code", [None, 0])
def test_an_application_that_was_handed_over_is_replaced_when_its_task_is_cleared(
    world: World, code: int | None
) -> None:
    driver = world.left_on_this_worker(code)
    world.record(SubmissionRecord.here(1, handed_over=True))
    world.attempt().run()
    assert (driver.terminated, world.submitted) == (True, [2])


def test_an_application_elsewhere_that_was_handed_over_is_ended_by_its_agent(
    world: World,
) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    world.record(SubmissionRecord(1, "another-host", handed_over=True))
    world.attempt().run()
    assert (world.ended_through_agent, world.submitted) == ([2], [2])


def test_a_task_that_does_not_wait_leaves_an_application_elsewhere_alone(world: World) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    world.attempt(wait_for_completion=False).run()
    assert (world.submitted, world.ended_through_agent, world.time.now_s) == ([], [], 0.0)


# What happens to the driver when its task is told to stop


@pytest.mark.parametrize(
    ("standing", "stays"),
    [
        (EVICTED, True),
        (TaskStanding("running", current=True, retry_remains=False), False),
        (TaskStanding("running", current=False, retry_remains=True), False),
        (MARKED, False),
        (None, True),  # nobody answers, and a retry remains
    ],
    ids=["evicted", "no retry", "replaced", "marked by a user", "nobody answers"],
)
def test_sigterm_ends_the_driver_or_leaves_it_to_a_retry(
    world: World, standing: TaskStanding | None, stays: bool
) -> None:
    driver = world.left_on_this_worker(None)
    world.standing = standing
    attempt = world.attempt()
    world.time.at(10.0, attempt.kill)
    world.time.at(20.0, lambda: setattr(driver, "code", 0 if stays else 143))
    if stays:
        attempt.run()
    else:
        with pytest.raises(AirflowException, match="exit code 143"):
            attempt.run()
    assert driver.kills == (0 if stays else 1)
    assert world.history.states[FIRST.id] is (RunState.SUCCEEDED if stays else RunState.KILLED)


def test_sigterm_ends_an_application_elsewhere_for_a_user(world: World) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    world.standing = MARKED
    attempt = world.attempt()
    world.time.at(10.0, attempt.kill)
    with pytest.raises(AirflowException, match="has killed"):
        attempt.run()
    assert world.ended_through_agent == [2]


def test_an_interrupt_ends_the_driver(world: World) -> None:
    driver = world.left_on_this_worker(None)

    def timeout() -> None:
        raise TimeoutError("execution_timeout")

    world.time.at(10.0, timeout)
    with pytest.raises(TimeoutError):
        world.attempt().run()
    assert (driver.kills, world.history.states[FIRST.id]) == (1, RunState.KILLED)


def test_a_task_that_is_told_to_stop_before_it_submits_submits_nothing_and_leaves_nothing(
    world: World,
) -> None:
    attempt = world.attempt()
    attempt.kill()
    with pytest.raises(AirflowException, match="killed before its application was submitted"):
        attempt.run()
    assert (world.submitted, world.store, world.is_removed(SECOND)) == ([], {}, True)


# What happens when


def test_exit_code_0_succeeds_and_leaves_nothing(world: World) -> None:
    world.attempt().run()
    assert world.history.states[SECOND.id] is RunState.SUCCEEDED
    assert (world.store, world.is_removed(SECOND)) == ({}, True)
    assert world.submitter.commands_run == 1


def test_another_exit_code_fails_with_the_last_lines_of_the_output(world: World) -> None:
    world.left_on_this_worker(None)
    driver = world.submitter.drivers[FIRST.id]
    world.time.at(5.0, lambda: driver.output.append("ValueError: no such table"))
    world.time.at(6.0, lambda: setattr(driver, "code", 3))
    with pytest.raises(AirflowException, match=r"exit code 3(.|\n)*ValueError: no such table"):
        world.attempt().run()
    assert world.history.states[FIRST.id] is RunState.FAILED
    assert world.submitter.commands_run == 1


def test_a_driver_that_is_lost_while_it_is_followed_is_recorded_as_lost(world: World) -> None:
    driver = world.left_on_this_worker(None)
    world.time.at(5.0, lambda: setattr(driver, "lost", True))
    with pytest.raises(DriverLost):
        world.attempt().run()
    assert world.history.states[FIRST.id] is RunState.LOST


def test_a_history_that_is_away_at_the_end_leaves_the_rest_to_the_result_reporter(
    world: World,
) -> None:
    driver = world.left_on_this_worker(None)
    driver.folder.reporter_credentials.touch()
    world.time.at(5.0, lambda: setattr(world.history, "away", True))
    world.time.at(10.0, lambda: setattr(driver, "code", 0))
    world.attempt().run()
    assert driver.folder.consumed.exists()
    assert (world.store, 60.0 <= world.time.now_s < 90.0) == ({}, True)


def test_an_agent_that_does_not_start_is_logged_once_and_harms_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    driver = world.left_on_this_worker(None)
    world.time.at(300.0, lambda: setattr(driver, "code", 0))
    world.attempt().run()
    assert len([r for r in caplog.records if "has not come up" in r.message]) == 1


def test_an_agent_that_stops_answering_is_logged_once_and_harms_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    driver = world.left_on_this_worker(None, address=AgentAddress("127.0.0.1", 1))
    world.time.at(10.0, lambda: setattr(world, "agent_answers", False))
    world.time.at(300.0, lambda: setattr(driver, "code", 0))
    world.attempt().run()
    assert len([r for r in caplog.records if "cannot be observed now" in r.message]) == 1
    assert world.history.components.keys() == {0}


def test_a_submission_that_is_refused_leaves_nothing_behind(world: World) -> None:
    world.submitter.refusal = ConnectionError("no Spark master answers")
    with pytest.raises(ConnectionError):
        world.attempt().run()
    assert (world.store, world.history.runs, world.is_removed(SECOND)) == ({}, {}, True)


def test_a_task_that_does_not_wait_hands_its_application_over_once_its_agent_is_up(
    world: World,
) -> None:
    world.submitter.code = None
    attempt = world.attempt(wait_for_completion=False)
    up = lambda: setattr(driver_of(world), "address", AgentAddress("127.0.0.1", 1))  # noqa: E731
    world.time.at(5.0, up)
    attempt.run()
    assert SubmissionRecord.read(world.store) == SubmissionRecord.here(2, handed_over=True)
    assert not driver_of(world).folder.follower_pid.exists()


def driver_of(world: World) -> FakeDriver:
    return world.submitter.drivers[SECOND.id]


# Whatever the DAG says by now


def test_a_run_that_is_resumed_is_judged_by_the_target_that_it_was_submitted_with(
    world: World,
) -> None:
    driver = world.left_on_this_worker(None, target_s=20.0)
    driver.folder.final_state.write_bytes(page(e.simple_run(components=3)))
    world.time.at(10.0, lambda: setattr(driver, "code", 0))
    world.attempt(runtime_target_s=5.0).run()
    outcome = world.history.outcomes[FIRST.id]
    assert (outcome.runtime_s, outcome.violation_s) == (32.0, 12.0)


def test_a_run_that_is_resumed_elsewhere_is_scaled_by_what_it_was_submitted_with(
    world: World,
) -> None:
    world.left_elsewhere(RunState.SUBMITTED, agent=True)
    world.time.at(10.0, lambda: world.history.states.update({FIRST.id: RunState.SUCCEEDED}))
    # The policy of the DAG would scale, which the agent of this test does not allow.
    world.attempt(policy="ellis", runtime_target_s=5.0).run()
    assert world.history.steps == []
