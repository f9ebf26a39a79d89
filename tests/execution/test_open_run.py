"""The first decision, the run and its token, for our operators and for others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from airflow_enel.control.feasibility import InfeasibleTarget, OnInfeasible
from airflow_enel.domain import Bounds, RunContext, RunKey, ScaleAnswer
from airflow_enel.execution.open_run import open_run
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import NO_PAST, JobPast
from airflow_enel.history.records import DecisionCompleted, DecisionIntended, RunOpened
from tests.support.builders.past_runs import past_run

KEY = RunKey("dag", "run", "task", -1, submit_try=3)


def request(key: RunKey = KEY, **changes: Any) -> RunRequest:
    known = {"policy": "static", "bounds": Bounds(1, 8), "runtime_target_s": None, **changes}
    return RunRequest(key, "job", "job.py", **known)


def test_the_run_starts_at_the_size_of_decision_0_and_is_as_requested() -> None:
    context = RunContext.of({"input_mib": 7})
    new = open_run(request(initial_executors=3, context=context), NO_PAST)
    assert (new.step.decision.epoch, new.step.decision.executors) == (0, 3)
    assert new.run == request(context=context).run(3, new.step.decision.decided_at)
    assert (new.run.context, new.run.key.submit_try) == (context, 3)


def test_every_run_has_a_token_of_its_own_that_no_text_of_it_shows() -> None:
    one, other = open_run(request(), NO_PAST), open_run(request(), NO_PAST)
    assert one.submission.token != other.submission.token
    assert len(one.submission.token) >= 32
    assert one.submission.token not in repr(one.opened)


def test_its_records_are_the_run_then_its_first_decision_as_taken() -> None:
    new = open_run(request(), NO_PAST)
    submitted = ScaleAnswer(accepted=True, executors=0, message="submitted")
    assert new.opened == RunOpened(new.run, new.submission.token)
    assert new.first_decision == (
        DecisionIntended(KEY.id, new.step),
        DecisionCompleted(KEY.id, 0, submitted),
    )


def test_the_size_of_an_author_is_final_for_another_operator_and_advice_for_ours() -> None:
    wish: dict[str, Any] = {"policy": "bell", "runtime_target_s": 60.0, "initial_executors": 2}
    other = open_run(request(**wish, foreign_operator=True), NO_PAST)
    ours = open_run(request(**wish), NO_PAST)
    assert (other.run.initial_executors, other.run.policy) == (2, "bell")
    assert ours.run.initial_executors != 2


def test_a_policy_that_needs_a_target_says_so() -> None:
    with pytest.raises(ValueError, match="set runtime_target"):
        open_run(request(policy="ellis"), NO_PAST)


def test_an_observer_of_the_run_decides_by_the_try_that_submits() -> None:
    new = open_run(request(), NO_PAST)
    assert new.monitored.run_id == KEY.id
    assert new.monitored.config.try_number == 3


# A target that no size is expected to meet

TOO_TIGHT_S = 40.0  # at 8 executors a run of the past takes about 65 s
FIRST_TRY = replace(KEY, submit_try=1)


def past(*executors: int) -> JobPast:
    return JobPast(tuple(past_run(number, size) for number, size in enumerate(executors)))


def tight(**changes: Any) -> RunRequest:
    return request(**{"policy": "bell", "runtime_target_s": TOO_TIGHT_S, **changes})


@pytest.mark.parametrize("sizes", [(8, 4), (8, 4, 6, 2)], ids=["while it learns", "later"])
def test_a_target_that_no_size_meets_is_run_as_fast_as_possible_and_said(
    sizes: tuple[int, ...],
) -> None:
    new = open_run(tight(key=FIRST_TRY), past(*sizes))
    assert new.shortfall is not None
    assert new.run.initial_executors == 8
    assert re.fullmatch(
        r"start with 8: as fast as possible, expected to miss by 2\d s; smallest feasible runtime "
        r"target is 6\d s at 8 executors \(about 5\d\d executor-seconds\)",
        new.step.decision.reason,
    )


def test_what_was_never_submitted_fails_if_it_is_told_so_and_its_target_cannot_be_met() -> None:
    with pytest.raises(InfeasibleTarget, match=r"smallest feasible runtime target is 6\d s"):
        open_run(tight(key=FIRST_TRY, on_infeasible=OnInfeasible.FAIL), past(8, 4, 2))


def test_a_later_try_runs_although_its_target_cannot_be_met() -> None:
    new = open_run(tight(on_infeasible=OnInfeasible.FAIL), past(8, 4, 2))
    assert new.run.initial_executors == 8


def test_a_target_that_can_be_met_is_left_to_the_policy() -> None:
    fail = OnInfeasible.FAIL
    new = open_run(tight(runtime_target_s=100.0, on_infeasible=fail), past(8, 4, 2))
    assert new.shortfall is None
    assert new.run.initial_executors < 8


def test_the_observer_keeps_the_policy_that_was_asked_for() -> None:
    new = open_run(tight(), past(8, 4, 2))
    assert (new.run.policy, new.monitored.config.policy.name) == ("bell", "bell")
