from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.decide import LEAST_TARGET_S, ScalingConfig, decide, first_step
from airflow_enel.control.policies import Policy, StartContext, find_policy
from airflow_enel.control.progress import reduce_progress
from airflow_enel.domain import Bounds, Forecast, Progress, Proposal, RunContext, Step
from airflow_enel.predict import BellRuntime, Ellis
from airflow_enel.predict.enel.forecaster import Enel
from tests.support.builders.snapshots import (
    EMPTY,
    START,
    executor,
    histories,
    past_run,
    request,
    snapshot,
)

BOUNDS = Bounds(2, 12)
PAST = [past_run(0, 12, 60.0), past_run(1, 6, 110.0), past_run(2, 3, 200.0)]


class Fixed:
    """A forecaster that says what it was told to."""

    name = "fixed"

    def __init__(self, median_s):
        self.median_s = median_s

    def fit(self, past_runs):
        return self

    def predict(self, progress, bounds):
        if self.median_s is None:
            return None
        sizes = len(bounds.candidates)
        return Forecast(self.name, bounds.candidates, tuple(self.median_s[:sizes]), (0.1,) * sizes)


def stubborn(size: int = 10**9) -> Policy:
    """A policy that always wants one size."""
    return Policy("stubborn", lambda context: Proposal(size, "I say so"), needs_target=False)


class Listening(Fixed):
    """A forecaster that remembers which contexts it was asked about."""

    def __init__(self):
        super().__init__([600.0 / s for s in BOUNDS.candidates])
        self.heard = []

    def predict(self, progress, bounds):
        self.heard.append(progress.context)
        return super().predict(progress, bounds)


def config(**changes) -> ScalingConfig:
    made = ScalingConfig(
        policy=find_policy("ellis"),
        forecaster=Fixed([600.0 / s for s in BOUNDS.candidates]),
        target_s=100.0,
        bounds=BOUNDS,
        try_number=1,
    )
    return replace(made, **changes)


def step(reading, **changes) -> Step | None:
    return decide(config(**changes), reading, reading.read_at).step


class TestDecide:
    def test_scales_at_a_barrier(self):
        made = step(snapshot(finished=2))
        assert made is not None
        decision = made.decision
        assert (decision.epoch, decision.executors_before, decision.executors) == (2, 4, 9)
        assert decision.miss_probability == pytest.approx(0.0334, abs=1e-3)
        assert decision.reason == (
            "scale 4 → 9: at 4 executors 150 s left of work for 80 s of time; "
            "9 is the smallest that fits"
        )
        assert made.forecast == Fixed([600.0 / s for s in range(2, 13)]).predict(None, BOUNDS)
        assert made.progress == reduce_progress(snapshot(finished=2), BOUNDS, START + 20)

    @pytest.mark.parametrize(
        "reading",
        [
            EMPTY,
            snapshot(),
            snapshot(finished=2, executors=0),
            replace(snapshot(finished=2), components=()),
            replace(snapshot(finished=2), ended_at=START + 20),
            replace(snapshot(finished=2), complete=False),
            snapshot(finished=2, requests=[request(4, 2, START + 20)]),
            snapshot(finished=2, requests=[request(9, 2, START + 20), request(4, 1, START + 10)]),
        ],
        ids=[
            "nothing yet",
            "nothing finished",
            "no executor",
            "no component",
            "ended",
            "holes",
            "answered",
            "answered last",
        ],
    )
    def test_decides_nothing(self, reading):
        assert step(reading) is None

    def test_decides_nothing_for_a_policy_that_never_rescales(self):
        assert step(snapshot(finished=2), policy=find_policy("static"), forecaster=None) is None
        assert (
            step(snapshot(finished=2), policy=find_policy("bell"), forecaster=BellRuntime()) is None
        )

    def test_a_policy_learns_what_is_known_before_the_start_only_then(self):
        contexts = []

        def remember(context):
            contexts.append(context)
            return Proposal(3, "whatever")

        run = config(policy=Policy("own", remember), try_number=2)
        first_step(run, PAST, 5, START)
        decide(run, snapshot(finished=2), START + 20)
        before, during = contexts
        assert before.start == StartContext(tuple(PAST), 5, is_retry=True)
        assert before.progress == Progress.at_start(BOUNDS)
        assert during.start is None
        assert during.progress == reduce_progress(snapshot(finished=2), BOUNDS, START + 20)
        assert (during.forecast, during.target_s) == (before.forecast, 100.0)

    def test_a_lost_executor_is_a_barrier(self):
        spans = (*(executor(n) for n in range(3)), executor(3, removed_at=START + 25))
        reading = snapshot(finished=2, requests=[request(4, 2, START + 20)], read_at=START + 26)
        made = step(replace(reading, executors=spans))
        assert made is not None
        assert made.decision.epoch == 3

    def test_forecasts_with_the_context_of_the_run(self):
        context, listening = RunContext.of({"input_mib": 512}), Listening()
        known = config(forecaster=listening, context=context)
        reading = snapshot(finished=2)
        first_step(known, PAST, None, START)
        assert decide(known, reading, reading.read_at).step is not None
        assert listening.heard == [context, context]

    @pytest.mark.parametrize("size", [4, 9])
    def test_a_posted_decision_answers_its_barrier(self, size):
        reading = snapshot(finished=2)
        made = step(reading, policy=stubborn(size=size))
        assert made is not None
        assert made.decision.executors == size
        posted = request(made.decision.executors, made.decision.epoch, reading.read_at)
        answered = replace(reading, requests=(posted,))
        assert not reduce_progress(answered, BOUNDS, reading.read_at).at_new_barrier
        assert step(answered, policy=stubborn(size=size)) is None
        assert step(snapshot(finished=3, requests=[posted])) is not None

    def test_without_a_forecast_it_keeps(self):
        made = step(snapshot(finished=2), forecaster=Fixed(None))
        assert made is not None
        assert made.decision.executors == 4
        assert made.decision.miss_probability is None

    @given(st.floats(30.001, 1e9), st.integers(1, 20))
    def test_a_stale_reading_is_never_acted_upon(self, age_s, finished):
        reading = snapshot(finished=finished)
        assert decide(config(), reading, reading.read_at + age_s).step is None

    def test_a_reading_as_old_as_allowed_is_fresh(self):
        reading = snapshot(finished=2)
        assert decide(config(), reading, reading.read_at + 30.0).step is not None

    @pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf"), -1.0])
    @pytest.mark.parametrize("place", [0, 5, 10])
    def test_a_poisoned_forecast_ends_in_an_error_not_in_a_decision(self, poison, place):
        median_s = [10.0] * 11
        median_s[place] = poison
        with pytest.raises(ValueError, match="finite and not negative"):
            step(snapshot(finished=2), forecaster=Fixed(median_s))

    @given(
        st.lists(st.floats(0, 1e300), min_size=11, max_size=11),
        st.floats(1e-9, 1e9),
        st.integers(1, 9),
        st.integers(-5, 99),
    )
    def test_every_decision_is_within_bounds(self, median_s, target_s, minimum, requested):
        bounds = Bounds(minimum, minimum + 10)
        reading = snapshot(finished=2, requests=[request(requested, 1, START + 10)])
        common = {"bounds": bounds, "forecaster": Fixed(median_s), "target_s": target_s}
        for chosen in (find_policy("ellis"), stubborn(), stubborn(size=-1)):
            made = step(reading, policy=chosen, **common)
            assert made is not None
            assert bounds.minimum <= made.decision.executors <= bounds.maximum
            assert 0.0 <= made.decision.miss_probability <= 1.0

    @given(histories(), st.integers(1, 6))
    def test_each_epoch_is_decided_once_however_often_is_polled(self, readings, every):
        """Decisions are posted to the agent, which tells them with its next answers."""
        posted, epochs = [], []
        for reading in readings[::every]:
            seen = replace(reading, requests=tuple(posted))
            made = step(seen, policy=stubborn(size=6))
            if made is not None:
                epochs.append(made.decision.epoch)
                posted.append(request(6, made.decision.epoch, reading.read_at))
        assert all(before < after for before, after in pairwise(epochs))

    @given(histories())
    def test_the_same_reading_gives_the_same_step_byte_for_byte(self, readings):
        for reading in readings:
            fitted = [Ellis().fit(PAST), Ellis().fit(PAST)]
            first, second = (step(reading, forecaster=forecaster) for forecaster in fitted)
            assert repr(first) == repr(second)


class TestAssessment:
    def test_the_forecast_of_a_step_is_not_made_again(self):
        listening = Listening()
        made = decide(config(forecaster=listening), snapshot(finished=2), START + 20)
        assert made.step is not None
        assert made.forecast is made.step.forecast
        assert len(listening.heard) == 1

    def test_without_a_step_the_forecast_is_made_when_it_is_asked_for_and_once(self):
        listening = Listening()
        answered = snapshot(finished=2, requests=[request(4, 2, START + 20)])
        made = decide(config(forecaster=listening), answered, START + 21)
        assert (made.step, listening.heard) == (None, [])
        assert made.forecast is made.forecast is not None
        assert len(listening.heard) == 1

    def test_a_policy_without_a_forecaster_has_no_forecast(self):
        made = decide(config(forecaster=None), snapshot(finished=2), START + 20)
        assert made.forecast is None

    @pytest.mark.parametrize("reading", [EMPTY, snapshot(finished=3)], ids=["nothing", "finished"])
    def test_the_progress_is_there_whether_something_is_decided_or_not(self, reading):
        made = decide(config(policy=find_policy("static")), reading, START + 40)
        assert made.progress == reduce_progress(reading, BOUNDS, START + 40)


class TestFirstStep:
    @pytest.mark.parametrize(("name", "forecaster"), [("bell", BellRuntime()), ("ellis", Ellis())])
    def test_chooses_the_smallest_size_in_time(self, name, forecaster):
        run = config(policy=find_policy(name), forecaster=forecaster.fit(PAST), target_s=120.0)
        made = first_step(run, PAST, None, START)
        decision = made.decision
        assert made.forecast is not None
        assert made.forecast.median(decision.executors) <= 120.0
        assert made.forecast.median(decision.executors - 1) > 120.0
        assert (decision.epoch, decision.executors_before, decision.guards) == (0, 0, ())
        assert decision.decided_at == START
        assert 0 < decision.miss_probability <= 0.5
        assert decision.reason.startswith(f"start with {decision.executors}: at ")

    def test_without_history_it_starts_with_the_maximum(self):
        made = first_step(config(forecaster=Ellis().fit([])), (), None, START)
        assert made.forecast is None
        assert made.decision.executors == 12
        assert made.decision.reason == "start with 12: the largest size has not been tried yet"

    def test_a_run_without_time_left_is_planned_as_with_a_very_short_target(self):
        enel = {"policy": find_policy("enel"), "forecaster": Enel().fit(PAST)}
        made = first_step(config(target_s=0.0, **enel), PAST, None, START)
        assert made.decision.executors == 12
        assert made == first_step(config(target_s=LEAST_TARGET_S, **enel), PAST, None, START)

    @pytest.mark.parametrize(("try_number", "size"), [(1, 6), (2, 12), (3, 12)])
    def test_only_the_first_try_experiments(self, try_number, size):
        run = config(forecaster=Ellis().fit(PAST[:1]), try_number=try_number)
        decision = first_step(run, PAST[:1], None, START, profile=True).decision
        assert decision.executors == size
        assert ("a retry does not experiment" in decision.reason) == (try_number > 1)

    def test_takes_what_is_given_as_far_as_bounds_allow(self):
        run = config(policy=find_policy("static"), forecaster=None, target_s=None)
        assert first_step(run, (), 5, START).decision.executors == 5
        assert first_step(run, (), 50, START).decision.reason == (
            "start with 12: as given by num_executors; bounds: 2 to 12 are allowed"
        )

    def test_a_deadline_policy_without_a_target_says_what_to_set(self):
        with pytest.raises(ValueError, match="set runtime_target"):
            first_step(config(target_s=None), (), None, START)

    def test_at_a_barrier_it_says_so_too(self):
        with pytest.raises(ValueError, match="set runtime_target"):
            step(snapshot(finished=2), target_s=None)

    def test_the_first_decision_leaves_the_first_barrier_open(self):
        assert step(snapshot(finished=1)) is not None
