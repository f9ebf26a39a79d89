import pytest

from airflow_enel.control.report import progress_line
from airflow_enel.domain import Bounds, Progress
from tests.support.builders.snapshots import START, component, forecast, progress

RUNNING = component(6, START + 40)
SIX = progress(
    6, 41.0, finished=tuple(component(n, START, START + 1) for n in range(6)), running=RUNNING
)
EXPECTED = forecast({6: 77.0, 9: 50.0})


def test_tells_where_a_run_stands():
    assert progress_line(SIX, EXPECTED, 140.0, 26) == (
        "component 7/26 · 6 executors · 41 s elapsed · expected 118 s of 140 s"
    )


@pytest.mark.parametrize(
    ("seen", "target_s", "components", "line"),
    [
        (EXPECTED, None, None, "component 7 · 6 executors · 41 s elapsed · expected 118 s"),
        (None, 140.0, 26, "component 7/26 · 6 executors · 41 s elapsed · target 140 s"),
        (None, None, 5, "component 7 · 6 executors · 41 s elapsed"),
        (
            forecast({9: 50.0}),
            140.0,
            7,
            "component 7/7 · 6 executors · 41 s elapsed · target 140 s",
        ),
    ],
)
def test_leaves_out_what_is_unknown(seen, target_s, components, line):
    assert progress_line(SIX, seen, target_s, components) == line


def test_before_the_first_component():
    start = Progress.at_start(Bounds(1, 3))
    assert progress_line(start, None, None, 26) == "0 executors · 0 s elapsed"
    assert progress_line(progress(1, 0.0, finished=()), None, None, 3) == "1 executor · 0 s elapsed"


def test_between_components_the_last_finished_one_counts():
    assert progress_line(progress(2, 9.0), None, None, 3).startswith("component 1/3 · 2 executors")
