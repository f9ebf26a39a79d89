from __future__ import annotations

from airflow_enel.simulation.figures import RunFigures, SeriesFigures
from benchmarks.experiments.comparison import ranges_table
from benchmarks.experiments.ranges import RANGES, MeanAndMedian, range_figures

RUNS = 65


def series(campaign: int, late_min: dict[int, float]) -> SeriesFigures:
    """A series of runs of which some are late, by run and minutes."""
    runs = tuple(
        RunFigures(
            number=number,
            failing=False,
            runtime_s=300.0 + 60 * late_min.get(number, 0.0),
            violation_s=60 * late_min.get(number, 0.0),
            executor_seconds=600.0,
            initial_executors=4,
            rescales=0,
            reversals=0,
        )
        for number in range(1, RUNS + 1)
    )
    return SeriesFigures("ellis-published", "LR", campaign, 300.0, 10, runs)


CAMPAIGNS = (
    # Run 10 is profiled and in no range.
    series(0, {10: 9.0, 11: 1.0, 21: 2.0, 22: 4.0}),
    series(1, {11: 3.0}),
    series(2, {11: 3.0, 65: 0.5}),
)


def test_the_ranges_cover_each_adaptive_run_once() -> None:
    covered = [run for first, last in RANGES for run in range(first, last + 1)]
    assert covered == list(range(11, RUNS + 1))


def test_a_range_has_its_first_and_its_last_run() -> None:
    figures = range_figures(CAMPAIGNS[:1])
    assert [one.counts.mean for one in figures] == [2, 1, 0, 0, 0]
    assert [one.minutes.mean for one in figures] == [3, 4, 0, 0, 0]


def test_means_and_medians_are_over_campaigns() -> None:
    first, *_, last = range_figures(CAMPAIGNS)
    assert first.counts == MeanAndMedian(4 / 3, 1)
    assert first.minutes == MeanAndMedian(3, 3)
    assert last.minutes == MeanAndMedian(0.5 / 3, 0)


def test_the_table_has_the_ranges_and_the_published_totals() -> None:
    table = ranges_table("as-published", CAMPAIGNS)
    assert table.headings[1:3] == ("11–21", "22–32")
    assert table.rows == (
        (
            "LR, ellis-published",
            "1.3 (1.0) · 3.0 (3.0)",
            "0.3 (0.0) · 1.3 (0.0)",
            "0.0 (0.0) · 0.0 (0.0)",
            "0.0 (0.0) · 0.0 (0.0)",
            "0.3 (0.0) · 0.2 (0.0)",
            "31 · 26.4",
        ),
    )
