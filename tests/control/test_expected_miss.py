from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_enel.control.decide import Assessment, ScalingConfig
from airflow_enel.control.expected_miss import expected_miss
from airflow_enel.control.planning.proposal import PlannedProposal
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds, ExpectedMiss, Progress
from tests.support.builders import samples
from tests.support.builders.guards import changed
from tests.support.builders.snapshots import START, forecast, progress

RUN = samples.run().key
BOUNDS = Bounds(2, 12)
RUNNING = progress(6)


class Known:
    """Forecasts 1200 executor-seconds, whatever has happened."""

    def predict(self, *_: Any) -> Any:
        return forecast({size: 1200.0 / size for size in BOUNDS.candidates})


def assessed(
    target_s: float | None,
    seen: Progress = RUNNING,
    now: float = START + 100.0,
    *,
    known: bool = True,
) -> Assessment:
    forecaster: Any = Known() if known else None
    config = ScalingConfig(find_policy("enel"), forecaster, target_s, BOUNDS, 1)
    return Assessment(seen, None, config, now)


def test_a_run_that_can_grow_in_time_is_no_reason_to_worry():
    """At its present size it needs 200 s more."""
    assert expected_miss(RUN, assessed(230.0)) is None


def test_a_run_that_is_late_at_the_largest_size_is_told_with_all_figures():
    miss = expected_miss(RUN, assessed(150.0))
    assert miss == ExpectedMiss(
        run=RUN,
        miss_probability=pytest.approx(1.0),
        lateness_s=pytest.approx(50.5, abs=0.1),  # 100 s more where 50 s are left
        target_s=150.0,
        elapsed_s=100.0,
        executors=12,
    )
    assert str(miss) == (
        "100% to miss the target of 150 s even with 12 executors, by 51 s on average"
    )


@pytest.mark.parametrize(("threshold", "told"), [(0.49, True), (0.5, False), (0.9, False)])
def test_the_threshold_must_be_passed(threshold, told):
    made = assessed(200.0)  # exactly the median
    assert (expected_miss(RUN, made, threshold) is not None) == told


@pytest.mark.parametrize("unknown", [{"target_s": None}, {"target_s": 101.0, "known": False}])
def test_nothing_is_told_of_what_is_not_known(unknown):
    assert expected_miss(RUN, assessed(**unknown)) is None


def test_a_run_whose_time_is_up_is_told_of_whatever_is_known() -> None:
    miss = expected_miss(RUN, assessed(60.0, known=False))
    assert miss is not None
    assert (miss.miss_probability, miss.lateness_s) == (1.0, 40.0)
    assert expected_miss(RUN, assessed(60.0), largest_is_known=False) == miss


def test_a_run_that_was_submitted_too_late_is_told_of_in_words_of_its_own() -> None:
    miss = expected_miss(RUN, assessed(0.0))
    assert miss is not None
    assert miss.lateness_s == pytest.approx(200.5, abs=0.1)  # 100 s so far, 100 s more
    assert str(miss) == "no time was left for it when it was submitted"


STARTING = replace(RUNNING, finished=(), initial=8)  # 6 of 8 have come


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, False),
        ({"executors": 8}, True),
        ({"finished": RUNNING.finished}, True),
        ({"elapsed_s": 179.0}, False),
        ({"elapsed_s": 180.0}, True),
    ],
    ids=["on their way", "all there", "first component", "still patient", "overdue"],
)
def test_nothing_is_told_while_executors_of_the_start_are_on_their_way(
    changes: Any, told: bool
) -> None:
    made = assessed(190.0, replace(STARTING, **changes))
    assert (expected_miss(RUN, made) is not None) == told


@pytest.mark.parametrize(("planned", "told"), [(0.1, False), (0.9, True), (None, True)])
def test_a_policy_that_has_just_decided_and_is_in_time_is_believed(
    planned: float | None, told: bool
) -> None:
    step = samples.step()
    step = replace(step, decision=replace(step.decision, miss_probability=planned))
    step = replace(step, forecast=assessed(150.0).forecast)
    made = replace(assessed(150.0), step=step)
    assert (expected_miss(RUN, made) is not None) == told


@pytest.mark.parametrize(("planned", "told"), [(0.1, False), (0.9, True)])
def test_a_plan_is_believed_between_two_barriers_too(planned: float, told: bool) -> None:
    def propose(_: Any) -> PlannedProposal:
        return PlannedProposal(6, "by its plan", planned, 140.0)

    made = assessed(150.0)
    policy = replace(made.config.policy, propose=propose)
    made = replace(made, config=replace(made.config, policy=policy))
    assert made.step is None
    assert (expected_miss(RUN, made) is not None) == told


def test_a_plan_to_have_executors_that_do_not_come_is_not_believed() -> None:
    step = replace(samples.step(), forecast=assessed(150.0).forecast)
    seen = replace(changed((5.0, 11)), executors=6)
    made = replace(assessed(260.0, seen, now=START + 200.0), step=step)
    assert expected_miss(RUN, made) is not None


def test_a_run_whose_time_is_up_is_told_of_while_it_starts() -> None:
    assert expected_miss(RUN, assessed(99.0, STARTING)) is not None


def test_executors_that_do_not_come_are_not_counted_on():
    """In time with all 12, but of 11 that were asked for long ago only 6 have come."""
    seen = replace(changed((5.0, 11)), executors=6)
    miss = expected_miss(RUN, assessed(260.0, seen, now=START + 200.0))
    assert miss is not None
    assert miss.executors == 6
    assert expected_miss(RUN, assessed(260.0, seen, now=START + 100.0)) is None
