"""Pokes of one process read what is new only, and act as pokes of several would."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_enel.execution import sensor_poll
from airflow_enel.history.sql.repository import SqlHistory
from tests.sensors.scene import Scene, sensor
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import Respond, page
from tests.support.fakes.models import Wanted, stored


class Growing:
    """An agent whose stream is longer at every look; it remembers from where it was asked."""

    def __init__(self, scene: Scene, events: list[dict[str, Any]], beginning: int) -> None:
        self._answer = scene.answering
        self._ahead = events[beginning:]
        self.events = events[:beginning]
        self.asked_after: list[int] = []

    def __call__(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "POST":
            return self._answer(self.events)(method, path, body)
        after = int(path.partition("after=")[2].partition("&")[0] or 0)
        self.asked_after.append(after)
        answer = 200, page(self.events, after)
        self.events += self._ahead[:3]
        self._ahead = self._ahead[3:]
        return answer


def test_pokes_of_one_process_read_past_and_application_only_once(
    scene: Scene, agent: Callable[[Respond], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted(stored()).installed(monkeypatch)
    growing = Growing(scene, e.simple_run(components=3)[:-1], beginning=6)
    scene.submitted().serving(agent(growing))
    one = sensor()
    lengths = []
    for _ in range(4):
        lengths.append(len(growing.events))
        assert one.poke(scene.context()) is False
    assert len(wanted.stages) == 1
    assert growing.asked_after[0] == 0
    assert growing.asked_after[1:] == lengths[:-1]


def test_one_process_sends_and_records_what_several_would(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    growing = Growing(scene, e.simple_run(components=3)[:-1], beginning=6)
    scene.submitted().serving(agent(growing))
    one = sensor()
    for _ in range(8):
        one.poke(scene.context())
    epochs = [body["epoch"] for body in scene.sent]
    assert epochs == sorted(set(epochs))
    assert [d.step.decision.epoch for d in scene.history.decisions(scene.id)] == epochs
    assert [c.position for c in scene.history.components(scene.id)] == [0, 1, 2]


def test_the_application_of_a_retry_is_read_from_its_beginning(
    scene: Scene, agent: Callable[[Respond], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted(stored()).installed(monkeypatch)
    one = sensor()
    for submit_try in (1, 2):
        scene.run = replace(scene.run, key=replace(scene.run.key, submit_try=submit_try))
        scene.submitted().serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
        for _ in range(2):
            assert one.poke(scene.context()) is False
        assert [c.position for c in scene.history.components(scene.id)] == [0]
    assert len(wanted.stages) == 2
    assert [(body["try_number"], body["epoch"]) for body in scene.sent] == [(1, 1), (2, 1)]


def test_an_answer_that_was_not_understood_is_followed_by_reading_anew(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    events = e.simple_run(components=1)[:-1]
    answers = [page(events), page(events, app_id="app-of-somebody-else"), page(events)]
    asked: list[str] = []

    def respond(method: str, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "POST":
            return 200, b'{"accepted": true, "executors": 2, "message": ""}'
        asked.append(path)
        return 200, answers[len(asked) - 1]

    scene.submitted().serving(agent(respond))
    one = sensor()
    for _ in answers:
        assert one.poke(scene.context()) is False
    assert ["after=0" in path for path in asked] == [True, False, True]


def test_every_poke_records_by_its_own_way_to_the_history(
    scene: Scene,
    agent: Callable[[Respond], int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Way(SqlHistory):
        """Worth nothing after its poke."""

        closed = False

        def save_components(self, *arguments: Any) -> None:
            assert not self.closed
            super().save_components(*arguments)

    @contextmanager
    def connected(*_: Any) -> Iterator[Way]:
        way = Way()
        yield way
        way.closed = True

    monkeypatch.setattr(sensor_poll, "connected_history", connected)
    growing = Growing(scene, e.simple_run(components=3)[:-1], beginning=6)
    scene.submitted().serving(agent(growing))
    one = sensor()
    for _ in range(8):
        one.poke(scene.context())
    assert len(scene.history.components(scene.id)) == 3
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []
