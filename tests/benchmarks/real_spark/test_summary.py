import pytest

from benchmarks.real_spark.runs import Ran
from benchmarks.real_spark.summary import Misses, paired_changes, target_of


def ran(runtime_s=10.0, target_s=None, executors=2, executor_seconds=20.0, rescales=0):
    return Ran("enel", executors, target_s, runtime_s, executor_seconds, rescales, 0, 0, ())


def test_a_run_misses_if_it_takes_longer_than_its_target():
    assert ran(10.1, 10.0).missed
    assert not ran(10.0, 10.0).missed
    assert not ran(10.0, None).missed


def test_the_interval_of_misses_is_that_of_clopper_and_pearson():
    found = Misses.of([ran(11, 10), *(ran(9, 10) for _ in range(19))])
    assert (found.missed, found.runs) == (1, 20)
    # Ends at which 1 of 20 or more, or fewer, has a probability of 2.5 %.
    assert 1 - (1 - found.low) ** 20 == pytest.approx(0.025)
    p = found.high
    assert (1 - p) ** 20 + 20 * p * (1 - p) ** 19 == pytest.approx(0.025)


def test_without_a_miss_the_interval_begins_at_none():
    found = Misses.of([ran(9, 10)] * 20)
    assert (found.missed, found.low) == (0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_misses_are_shown_with_the_interval_in_runs():
    figure = Misses.of([ran(11, 10)] * 20).figure("static", "≥ 15 of 20")
    assert (figure.unit, figure.median, figure.maximum) == ("of 20", 20, 20.0)
    assert figure.minimum == pytest.approx(20 * 0.025 ** (1 / 20))


def test_a_target_is_longer_than_the_median_at_its_size_by_the_slack():
    runs = [ran(30), ran(40), ran(31), ran(99, executors=3), ran(9, rescales=1)]
    assert target_of(runs, 2, 0.2) == pytest.approx(1.2 * 31)


def test_a_size_that_the_history_lacks_gives_no_target():
    with pytest.raises(ValueError, match="no run of the history has kept 4 executors"):
        target_of([ran()], 4, 0.2)


def test_changes_are_of_each_pair_in_percent():
    pairs = [(ran(60.0), ran(100.0)), (ran(11.0), ran(10.0))]
    assert paired_changes(pairs) == pytest.approx([-40, 10])


def test_changes_of_cost_are_told_apart_from_those_of_runtime():
    pairs = [(ran(executor_seconds=14.0), ran(executor_seconds=20.0))]
    assert paired_changes(pairs, "executor_seconds") == pytest.approx([-30])
