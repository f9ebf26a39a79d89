import pytest

from benchmarks.real_spark.runs import Ran
from benchmarks.real_spark.summary import Misses, paired_changes, shortest_target


def ran(runtime_s=10.0, target_s=None, executor_seconds=20.0):
    return Ran("enel", 2, target_s, runtime_s, executor_seconds, 0, 0, 0, ())


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


def cheapest(target_s):
    """Six executors up to 29 s, then four, then two from 45 s on."""
    return 6 if target_s < 30 else 4 if target_s < 45 else 2


def test_the_target_is_the_shortest_for_which_a_size_is_chosen():
    assert shortest_target(cheapest, 4, (20, 99)) == 30
    assert shortest_target(cheapest, 2, (20, 99)) == 45


@pytest.mark.parametrize("executors", [1, 3], ids=["too few", "passed over"])
def test_a_size_that_is_never_chosen_has_no_target(executors):
    with pytest.raises(ValueError, match=f"{executors} executors are chosen for no target"):
        shortest_target(cheapest, executors, (20, 99))


def test_changes_are_of_each_pair_in_percent():
    pairs = [(ran(60.0), ran(100.0)), (ran(11.0), ran(10.0))]
    assert paired_changes(pairs) == pytest.approx([-40, 10])


def test_changes_of_cost_are_told_apart_from_those_of_runtime():
    pairs = [(ran(executor_seconds=14.0), ran(executor_seconds=20.0))]
    assert paired_changes(pairs, "executor_seconds") == pytest.approx([-30])
