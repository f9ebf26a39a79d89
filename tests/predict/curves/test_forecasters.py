import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from airflow_enel.domain import Bounds, PastRun, Progress
from airflow_enel.predict import BellRuntime, Ellis
from airflow_enel.predict.alignment import Alignment
from tests.support.builders.past_runs import NAMES, at, component, components, past_run, runs_of

BOUNDS = Bounds(2, 12)
SIZES = (12, 6, 3, 9)
TRACES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traces" / "ellis-lr.csv"


def duration(executors: int) -> float:
    return 5.0 + 60.0 / executors


@pytest.fixture
def ellis() -> Ellis:
    return Ellis().fit([past_run(number, size) for number, size in enumerate(SIZES)])


class TestBellRuntime:
    def test_takes_off_the_time_that_has_passed(self):
        bell = BellRuntime().fit([past_run(0, 6), past_run(1, 6)])
        total = bell.predict(Progress.at_start(BOUNDS), BOUNDS)
        later = bell.predict(at(elapsed_s=30.0), BOUNDS)
        assert total.median(6) - later.median(6) == pytest.approx(30.0)

    def test_what_is_left_carries_the_spread_of_the_whole(self):
        bell = BellRuntime().fit([past_run(0, 6), past_run(1, 6)])
        total = bell.predict(Progress.at_start(BOUNDS), BOUNDS)
        later = bell.predict(at(elapsed_s=total.median(6) / 2), BOUNDS)
        assert later.log_sd[0] == pytest.approx(2 * total.log_sd[0])


class TestEllis:
    def test_the_running_component_stays_at_the_present_scale_out(self, ellis):
        parts = components(6, [15.0] * 5)
        forecast = ellis.predict(at(parts[:2], runs_of(parts[2]), 6), BOUNDS)
        for s in (3, 6, 12):
            assert forecast.median(s) == pytest.approx(duration(6) + 2 * duration(s) + 2, rel=1e-6)

    def test_time_already_spent_in_it_is_taken_off_but_not_more(self, ellis):
        parts = components(6, [15.0] * 5)
        progress = at(parts[:2], runs_of(parts[2]), 6)
        begun = ellis.predict(replace(progress, elapsed_s=34.0), BOUNDS)
        assert begun.median(12) == pytest.approx(duration(6) - 4 + 2 * duration(12) + 2)
        overdue = ellis.predict(replace(progress, elapsed_s=500.0), BOUNDS)
        assert overdue.median(12) == pytest.approx(2 * duration(12) + 2)

    def test_between_components_the_next_one_counts_as_running(self, ellis):
        parts = components(6, [15.0] * 5)
        between = ellis.predict(at(parts[:2], None, 6), BOUNDS)
        running = ellis.predict(at(parts[:2], runs_of(parts[2]), 6), BOUNDS)
        assert between == running

    def test_before_the_start_everything_is_at_the_candidate(self, ellis):
        forecast = ellis.predict(Progress.at_start(BOUNDS), BOUNDS)
        assert forecast.median(3) == pytest.approx(5 * duration(3) + 2)

    def test_after_the_last_component_only_the_tail_is_left(self, ellis):
        parts = components(6, [15.0] * 5)
        assert ellis.predict(at(parts, None, 6), BOUNDS).median(6) == pytest.approx(2.0)
        over = ellis.predict(at(parts, None, 6, elapsed_s=1000.0), BOUNDS)
        assert 0 < over.median(6) < 1e-6

    def test_the_last_component_leaves_nothing_to_choose(self, ellis):
        parts = components(6, [15.0] * 5)
        assert len(set(ellis.predict(at(parts[:4], runs_of(parts[4]), 6), BOUNDS).median_s)) == 1

    def test_an_unknown_running_component_counts_nothing_itself(self, ellis):
        parts = components(6, [15.0] * 5)
        known = ellis.predict(at(parts[:3], runs_of(component(3, "new")), 6), BOUNDS)
        assert known.median(6) == pytest.approx(2 * duration(6) + 2)

    def test_learns_from_undisturbed_components_where_there_are_two(self):
        calm = [past_run(0, 6), past_run(1, 6)]
        wild = past_run(2, 6, [500.0] * 5)
        wild = replace(wild, components=tuple(replace(c, disturbed=True) for c in wild.components))
        start = Progress.at_start(BOUNDS)
        both = Ellis().fit([*calm, wild]).predict(start, BOUNDS)
        assert both.median(6) == pytest.approx(5 * duration(6) + 2)
        few = Ellis().fit([calm[0], wild]).predict(start, BOUNDS)
        assert few.median(6) > 1000

    def test_a_component_across_a_rescale_counts_at_its_mean_scale_out(self):
        run = past_run(0, 6)
        crossed = replace(
            run, components=(component(0, "load", 0, 50.0, executors=4, end=8), *run.components[1:])
        )
        past = Alignment.of([crossed])
        assert past.executors[0].tolist() == [6.0] * 5
        assert past.clean[0].tolist() == [False, True, True, True, True]

    def test_the_spread_is_that_of_the_components_still_to_come(self):
        rng = np.random.default_rng(2)
        past_runs = [
            past_run(n, SIZES[n % 4], [*([10.0] * 4), 100.0 * rng.lognormal(0, 0.5)])
            for n in range(40)
        ]
        ellis = Ellis().fit(past_runs)
        parts = components(6, [10.0] * 5)
        early = ellis.predict(at((), runs_of(parts[0]), 6), BOUNDS)
        late = ellis.predict(at(parts[:4], runs_of(parts[4]), 6), BOUNDS)
        assert early.log_sd[0] < late.log_sd[0]

    def test_asking_for_other_bounds_does_not_mix_them_up(self, ellis):
        start = Progress.at_start(BOUNDS)
        wide, narrow = ellis.predict(start, BOUNDS), ellis.predict(start, Bounds(3, 6))
        assert narrow.median_s == pytest.approx([wide.median(s) for s in (3, 4, 5, 6)])


class TestAlignment:
    """Each component counts with the share of comparable runs in which it is still to come."""

    past = Alignment.of(
        [
            past_run(0, 6),
            past_run(1, 6, [10.0] * 4, ("load", "step", "step", "save")),
            past_run(2, 6, [10.0] * 6, ("load", "step", "check", "step", "step", "save")),
            past_run(3, 6, [10.0] * 2, ("load", "save")),
        ]
    )

    def shares(self, progress: Progress) -> dict[tuple[str, int], float]:
        shares = self.past.shares(progress)
        return {identity: shares[column] for identity, column in self.past.columns.items()}

    def test_at_the_start_all_past_runs_are_comparable(self):
        assert self.shares(at()) == {
            ("load", 0): 1.0,
            ("step", 0): 0.75,
            ("step", 1): 0.75,
            ("step", 2): 0.5,
            ("check", 0): 0.25,
            ("save", 0): 1.0,
        }

    def test_runs_that_ended_earlier_are_not_comparable(self):
        shares = self.shares(at(components(6, [10.0] * 3, NAMES[:3])))
        assert shares["step", 2] == pytest.approx(2 / 3)
        assert shares["step", 0] == shares["step", 1] == shares["load", 0] == 0.0

    def test_what_would_have_come_before_is_not_waited_for(self):
        assert self.shares(at(components(6, [10.0] * 3, NAMES[:3])))["check", 0] == 0.0

    def test_the_running_component_is_sure(self):
        progress = at(components(6, [10.0], ["load"]), component(1, "check", 0, None))
        assert self.shares(progress)["check", 0] == 1.0

    def test_unknown_components_are_passed_over(self):
        known = components(6, [10.0] * 3, NAMES[:3])
        assert self.shares(at((*known, component(3, "new")))) == self.shares(at(known))

    def test_the_next_is_the_first_that_more_likely_comes_than_not(self):
        load = components(6, [10.0], ["load"])
        assert self.past.following(self.past.shares(at(load))) == self.past.columns["step", 0]
        everything = components(6, [10.0] * 5)
        assert self.past.following(self.past.shares(at(everything))) is None

    def test_the_tail_is_what_the_components_do_not_account_for(self):
        assert self.past.tail_s.tolist() == pytest.approx([2.0] * 4)


@pytest.mark.skipif(not TRACES.exists(), reason="developer data (published traces) is absent")
def test_published_runs_are_foreseen_as_well_as_is_known_of_ellis():
    """35 % of the remaining time is what the published Ellis reaches over four jobs."""
    past_runs = published_runs()
    errors, inside = [], []
    for number in (15, 20, 25, 30, 35, 53, 57):
        run = past_runs[number]
        ellis = Ellis().fit(past_runs[:number])
        for count in range(1, len(run.components) - 1, 3):
            rest = run.components[count:]
            progress = at(
                run.components[:count], runs_of(rest[0]), executors=rest[0].scale_out.start
            )
            size = round(np.mean([c.scale_out.mean for c in rest]))
            forecast = ellis.predict(progress, Bounds(4, 36))
            actual_s = run.runtime_s - progress.elapsed_s
            errors.append(abs(forecast.median(size) / actual_s - 1))
            inside.append(forecast.quantile(size, 0.1) <= actual_s <= forecast.quantile(size, 0.9))
    assert np.mean(errors) < 0.35
    assert np.mean(inside) > 0.6


def published_runs() -> list[PastRun]:
    with TRACES.open(newline="") as file:
        rows = list(csv.reader(file, delimiter="|"))[1:]
    made = []
    for number in sorted({int(row[0]) for row in rows}):
        jobs = [row for row in rows if int(row[0]) == number]
        sizes = [int(row[9]) for row in jobs]
        times_s = [float(row[8]) / 1000 for row in jobs]
        parts = tuple(
            component(n, f"job {n}", 0, time_s, size, end=end)
            for n, (time_s, size, end) in enumerate(
                zip(times_s, sizes, [*sizes[1:], sizes[-1]], strict=True)
            )
        )
        mean = float(np.average(sizes, weights=times_s))
        made.append(PastRun(str(number), float(number), sum(times_s), mean, sizes[0], parts))
    return made
