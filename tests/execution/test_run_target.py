"""Where the target of a run comes from, and what happens if nobody can say."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.domain import Bounds, DagRunOutlook, RunKey, TargetSource
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.run_target import has_deadline_alert, with_target
from tests.support.fakes.clocks import VirtualTime
from tests.support.fakes.histories import MemoryHistory

NOW = 1_700_000_000.0
LOG = cast("Any", logging.getLogger("target"))
KEY = RunKey("dag", "run", "task", 3, submit_try=1)


def request(**changes: Any) -> RunRequest:
    known = {"policy": "ellis", "bounds": Bounds(1, 8), "runtime_target_s": None, **changes}
    return RunRequest(KEY, "job", "job.py", **known)


def resolved(
    asked: RunRequest, outlook: DagRunOutlook | None = None, *, alert: bool = False
) -> RunRequest:
    history = MemoryHistory()
    history.away = outlook is None
    history.outlook_of_dag_run = outlook or DagRunOutlook()
    return with_target(asked, cast("Any", history), LOG, lambda: NOW, deadline_alert=alert)


def test_a_runtime_target_is_taken_as_it_is_whatever_deadlines_there_are() -> None:
    outlook = DagRunOutlook((NOW + 60,), ("load",), 40.0)
    asked = request(runtime_target_s=500.0, deadline_at=NOW + 100)
    made = resolved(asked, outlook, alert=True)
    assert (made.runtime_target_s, made.target_source) == (500.0, TargetSource.RUNTIME_TARGET)
    assert made.run(2, NOW).deadline_at is None


def test_the_deadline_of_the_operator_comes_before_that_of_the_dag() -> None:
    outlook = DagRunOutlook((NOW + 60,), ("load",), 40.0, (), 20.0)
    made = resolved(request(deadline_at=NOW + 600), outlook, alert=True)
    assert (made.runtime_target_s, made.target_source) == (540.0, TargetSource.DEADLINE)
    run = made.run(2, NOW)
    assert (run.target_source, run.deadline_at) == (TargetSource.DEADLINE, NOW + 600)


def test_the_next_of_several_deadline_alerts_is_the_last_resort() -> None:
    outlook = DagRunOutlook((NOW - 60, NOW + 300, NOW + 900), (), 0.0, (), 20.0)
    made = resolved(request(), outlook, alert=True)
    assert (made.runtime_target_s, made.deadline_at) == (280.0, NOW + 300)
    assert made.target_source is TargetSource.DEADLINE_ALERT


def test_nobody_is_asked_if_there_is_neither_target_nor_deadline() -> None:
    assert resolved(request(policy="static")) == request(policy="static")


def test_the_log_says_what_a_target_was_made_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    resolved(request(deadline_at=NOW + 600), DagRunOutlook((), ("load",), 40.0))
    (line,) = caplog.messages
    assert line.startswith("Target 560 s: the deadline 2023-11-14 22:23:20 UTC (deadline) is 600 s")


def test_a_run_that_comes_after_its_deadline_is_stored_without_time_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    made = resolved(request(deadline_at=NOW - 600), DagRunOutlook())
    run = made.run(2, NOW)
    assert (run.runtime_target_s, run.deadline_at, made.overdue_s) == (0.0, NOW - 600, 600.0)
    (line,) = caplog.messages
    assert line.startswith("No time is left: the deadline 2023-11-14 22:03:20 UTC (deadline) has")


def test_without_the_history_the_deadline_of_the_operator_is_all_that_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = resolved(request(deadline_at=NOW + 600))
    assert made.runtime_target_s == 600.0
    assert "Neither deadlines of the DAG nor what follows in it is known" in caplog.text


def test_time_that_was_spent_on_asking_is_not_left_for_the_application() -> None:
    history = MemoryHistory()
    clock = VirtualTime()
    slow = lambda *_: clock.sleep(10.0) or DagRunOutlook()  # noqa: E731
    history.outlook = slow  # type: ignore[method-assign]
    asked = request(deadline_at=600.0)
    made = with_target(asked, cast("Any", history), LOG, clock.clock.now, deadline_alert=False)
    assert made.runtime_target_s == 590.0


def test_without_any_history_at_all_it_is_the_same() -> None:
    asked = request(deadline_at=NOW + 600)
    assert (
        with_target(asked, None, LOG, lambda: NOW, deadline_alert=False).runtime_target_s == 600.0
    )


@pytest.mark.parametrize("outlook", [None, DagRunOutlook()], ids=["away", "none computed"])
def test_a_deadline_of_the_dag_that_nobody_can_tell_does_not_keep_the_application_from_running(
    outlook: DagRunOutlook | None, caplog: pytest.LogCaptureFixture
) -> None:
    made = resolved(request(), outlook, alert=True)
    assert (made.policy, made.runtime_target_s) == ("static", None)
    assert "the policy 'ellis' cannot work" in caplog.text


def test_a_policy_that_needs_no_target_stays_without_one() -> None:
    assert resolved(request(policy="utilization"), None, alert=True).policy == "utilization"


@pytest.mark.parametrize(
    ("dag", "expected"),
    [
        (None, False),
        (SimpleNamespace(), False),
        (SimpleNamespace(deadline=None), False),
        (SimpleNamespace(deadline=[]), False),
        (SimpleNamespace(deadline=["an alert"]), True),
    ],
)
def test_whether_the_dag_has_a_deadline_is_known_from_the_dag(dag: Any, expected: bool) -> None:
    assert has_deadline_alert({"dag": dag}) is expected
