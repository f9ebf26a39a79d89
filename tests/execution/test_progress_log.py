"""Which assessments of a run get a line in the log, in virtual time."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from airflow_enel.control.decide import Assessment, ScalingConfig
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds, Forecast, Progress
from airflow_enel.execution.progress_log import ProgressLog
from tests.support.builders.snapshots import START, component, progress
from tests.support.fakes.clocks import VirtualTime

LOG = cast("Any", logging.getLogger("progress"))


class CountedForecasts:
    """A forecaster that counts how often it is asked."""

    name = "counted"

    def __init__(self) -> None:
        self.made = 0

    def fit(self, _: Any) -> CountedForecasts:
        return self

    def predict(self, _: Progress, bounds: Bounds) -> Forecast | None:
        self.made += 1
        sizes = len(bounds.candidates)
        return Forecast(self.name, bounds.candidates, (60.0,) * sizes, (0.1,) * sizes)


class Scene:
    """An application that is read once a second, and its log."""

    def __init__(self, caplog: pytest.LogCaptureFixture, expected: int | None) -> None:
        caplog.set_level(logging.INFO)
        self._caplog = caplog
        self.time = VirtualTime()
        self.forecaster = CountedForecasts()
        self._config = ScalingConfig(find_policy("ellis"), self.forecaster, 90.0, Bounds(1, 9), 1)
        self.log = ProgressLog(LOG, 90.0, expected, self.time.clock.now)

    def read(self, finished: int, executors: int = 4) -> None:
        parts = tuple(component(n, START, START + 1) for n in range(finished))
        reached = progress(executors, self.time.now_s, finished=parts)
        self.log.update(Assessment(reached, None, self._config, 0.0))

    def run(self, components: int, within_s: int, executors: int = 4) -> None:
        """Finish components evenly."""
        for second in range(within_s + 1):
            self.read(components * second // within_s, executors)
            self.time.sleep(1.0)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self._caplog.records]


def test_many_short_components_give_a_line_per_ten_seconds_and_a_last_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(caplog, expected=47)
    scene.run(47, within_s=26)
    scene.log.finish()
    assert [line.split(" · ")[0] for line in scene.lines] == [
        "4 executors",
        "component 18 of 47",
        "component 36 of 47",
        "component 47 of 47",
    ]
    assert scene.forecaster.made == 4


def test_a_long_run_of_many_components_has_a_line_per_tenth_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(caplog, expected=200)
    scene.run(200, within_s=2000)
    assert len(scene.lines) == 11


def test_without_a_past_lines_become_rarer_with_the_components_that_have_finished(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(caplog, expected=None)
    scene.run(250, within_s=750)
    assert 20 <= len(scene.lines) <= 50


def test_each_of_a_few_long_components_has_its_line(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(caplog, expected=3)
    scene.run(3, within_s=300)
    assert [line.split(" · ")[0] for line in scene.lines] == [
        "4 executors",
        "component 1 of 3",
        "component 2 of 3",
        "component 3 of 3",
    ]


def test_another_number_of_executors_is_news_but_waits_ten_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(caplog, expected=100)
    for second in range(30):
        scene.read(1, executors=1 + second)
        scene.time.sleep(1.0)
    counts = [line.split(" · ")[1] for line in scene.lines]
    assert counts == ["1 executor", "11 executors", "21 executors"]


def test_without_news_there_is_a_sign_of_life_every_five_minutes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(caplog, expected=2)
    for _ in range(901):
        scene.read(1)
        scene.time.sleep(1.0)
    assert [line.split(" · ")[2] for line in scene.lines] == [
        "0 s elapsed",
        "300 s elapsed",
        "600 s elapsed",
        "900 s elapsed",
    ]


def test_before_anything_works_there_is_nothing_to_log(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(caplog, expected=5)
    scene.read(0, executors=0)
    scene.log.finish()
    assert scene.lines == []
    assert scene.forecaster.made == 0


def test_the_end_repeats_no_line(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(caplog, expected=2)
    scene.read(1)
    scene.time.sleep(5.0)
    scene.read(1)
    scene.log.finish()
    assert len(scene.lines) == 1
