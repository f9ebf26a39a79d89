"""Lines of the task's log: how far a run is, and how it ended."""

from dataclasses import replace

import pytest

from airflow_enel.control.report import outcome_line, progress_line
from airflow_enel.domain import Bounds, Progress, RunOutcome, RunState
from tests.support.builders.snapshots import START, component, forecast, progress

RUNNING = component(6, START + 40)
SIX = progress(
    6, 41.0, finished=tuple(component(n, START, START + 1) for n in range(6)), running=RUNNING
)
EXPECTED = forecast({6: 77.0, 9: 50.0})


def test_tells_where_a_run_stands():
    assert progress_line(SIX, EXPECTED, 140.0, 26) == (
        "component 7 of 26 · 6 executors · 41 s elapsed · 118 s expected in all, target 140 s"
    )


@pytest.mark.parametrize(
    ("seen", "target_s", "components", "line"),
    [
        (EXPECTED, None, None, "component 7 · 6 executors · 41 s elapsed · 118 s expected in all"),
        (None, 140.0, 26, "component 7 of 26 · 6 executors · 41 s elapsed · target 140 s"),
        (None, 0.0, None, "component 7 · 6 executors · 41 s elapsed · no time was left"),
        (None, None, 5, "component 7 · 6 executors · 41 s elapsed"),
        (
            forecast({9: 50.0}),
            140.0,
            7,
            "component 7 of 7 · 6 executors · 41 s elapsed · target 140 s",
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
    assert progress_line(progress(2, 9.0), None, None, 3).startswith(
        "component 1 of 3 · 2 executors"
    )


ENDED = RunOutcome(
    state=RunState.SUCCEEDED,
    exit_code=0,
    app_id="app-1",
    started_at=START,
    ended_at=START + 118.0,
    runtime_s=118.0,
    executor_seconds=708.4,
    executors_at_start=6,
    executors_lost=0,
    rescales=1,
    reversals=0,
    violation_s=0.0,
    complete=True,
)


@pytest.mark.parametrize(
    ("outcome", "target_s", "line"),
    [
        (
            ENDED,
            140.0,
            (
                "succeeded · 26 components · 118 s of the target of 140 s · 1 rescale · "
                "708 executor-seconds"
            ),
        ),
        (
            ENDED,
            117.6,
            (
                "succeeded · 26 components · 118 s, less than 1 s more than the target · "
                "1 rescale · 708 executor-seconds"
            ),
        ),
        (
            replace(ENDED, state=RunState.FAILED, rescales=2),
            100.0,
            (
                "failed · 26 components · 118 s, 18 s more than the target · 2 rescales · "
                "708 executor-seconds"
            ),
        ),
        (
            ENDED,
            0.0,
            (
                "succeeded · 26 components · 118 s, no time was left · 1 rescale · "
                "708 executor-seconds"
            ),
        ),
        (ENDED, None, "succeeded · 26 components · 118 s · 1 rescale · 708 executor-seconds"),
        (
            replace(ENDED, state=RunState.LOST, runtime_s=None),
            140.0,
            "lost · 26 components · runtime unknown · 1 rescale · 708 executor-seconds",
        ),
    ],
    ids=["met", "just missed", "missed", "late from the start", "no target", "lost"],
)
def test_the_end_of_a_run_in_one_line(outcome, target_s, line):
    assert outcome_line(outcome, target_s, 26) == line


def test_an_unknown_number_of_components_is_left_out():
    assert outcome_line(ENDED, None, None).startswith("succeeded · 118 s")
