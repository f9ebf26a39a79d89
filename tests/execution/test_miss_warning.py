"""People are told once per run that it will be late, whatever their callbacks do."""

from __future__ import annotations

import logging
from dataclasses import replace
from threading import Event
from typing import Any, cast

import pytest
from airflow.sdk import BaseNotifier

from airflow_enel.control.decide import Assessment, ScalingConfig
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds
from airflow_enel.execution import miss_warning
from airflow_enel.execution.history_writer import BufferedWriter, ImmediateWriter
from airflow_enel.execution.miss_callbacks import MissCallbacks
from airflow_enel.execution.miss_warning import EVERY_S, MissWarning
from airflow_enel.execution.scaling_config import MonitoredRun
from tests.support.builders import samples
from tests.support.builders.snapshots import START, forecast, past_run, progress
from tests.support.fakes.histories import MemoryHistory

LOG = cast("Any", logging.getLogger("warn"))
BOUNDS = Bounds(1, 4)
LARGEST = (past_run(0, 4),)
LATE, IN_TIME = 120.0, 1000.0


class Known:
    def predict(self, *_: Any) -> Any:
        return forecast(dict.fromkeys(BOUNDS.candidates, 50.0))


def monitored(target_s: float | None = LATE, past: Any = LARGEST) -> MonitoredRun:
    config = ScalingConfig(find_policy("ellis"), cast("Any", Known()), target_s, BOUNDS, 1)
    return MonitoredRun.of(samples.run().key, config, past)


def assessed(run: MonitoredRun, now: float = START, **changes: Any) -> Assessment:
    """100 s after the start; 50 s more are needed at every size."""
    return Assessment(progress(2, **changes), None, run.config, now)


class Told:
    """A scene: callbacks, a history, and warnings of one run after another."""

    def __init__(self, *others: Any) -> None:
        self.contexts: list[Any] = []
        self.callbacks = MissCallbacks(
            (*others, self.contexts.append), 0.5, cast("Any", {"ti": "ours"})
        )
        self.history: Any = MemoryHistory()

    def warning(self, run: MonitoredRun) -> MissWarning:
        return MissWarning(run, self.callbacks, LOG)

    @property
    def writer(self) -> ImmediateWriter:
        return ImmediateWriter(self.history)


def test_the_callback_gets_the_context_of_the_task_and_what_is_expected():
    told, run = Told(), monitored()
    told.warning(run).update(assessed(run), told.writer)
    (context,) = told.contexts
    assert context["ti"] == "ours"
    miss = context["expected_miss"]
    assert (miss.run, miss.target_s, miss.executors) == (run.key, LATE, 4)
    assert miss.miss_probability > 0.99
    assert miss.lateness_s == pytest.approx(30.0, abs=0.5)
    assert told.history.warned == {run.run_id: START}


def test_it_is_called_once_by_one_observer():
    told, run = Told(), monitored()
    warning = told.warning(run)
    for now in (START, START + 20.0, START + 40.0):
        warning.update(assessed(run, now), told.writer)
    assert len(told.contexts) == 1


def test_it_is_called_once_by_tries_one_after_the_other():
    told, run = Told(), monitored()
    for now in (START, START + 20.0):
        told.warning(run).update(assessed(run, now), told.writer)
    assert len(told.contexts) == 1


def test_every_run_is_told_of():
    told = Told()
    for run in (monitored(), monitored()):
        told.warning(run).update(assessed(run), told.writer)
    assert len(told.contexts) == 2


@pytest.mark.parametrize("writer", ["away", "none"])
def test_it_is_called_if_nobody_knows_whether_it_was_before(writer):
    told, run = Told(), monitored()
    told.history.away = True
    kept = told.writer if writer == "away" else BufferedWriter(None, LOG)
    told.warning(run).update(assessed(run), kept)
    assert len(told.contexts) == 1


@pytest.mark.parametrize(
    ("run", "changes"),
    [
        (monitored(IN_TIME), {}),
        (monitored(None), {}),
        (monitored(past=(past_run(0, 2),)), {}),
        (monitored(), {"executors": 0}),
        (monitored(), {"complete": False}),
    ],
    ids=["in time", "no target", "largest size unknown", "not at work", "events lost"],
)
def test_without_a_good_reason_nobody_is_told(run, changes):
    told = Told()
    seen = assessed(run)
    seen = replace(seen, progress=replace(seen.progress, **changes))
    told.warning(run).update(seen, told.writer)
    assert told.contexts == []
    assert told.history.warned == {}


def test_a_first_run_that_was_submitted_too_late_is_told_of():
    told, run = Told(), monitored(0.0, past=())
    told.warning(run).update(assessed(run), told.writer)
    (context,) = told.contexts
    assert context["expected_miss"].miss_probability == 1.0


def test_a_run_that_hangs_between_barriers_is_looked_at_now_and_then():
    told, run = Told(), monitored(160.0)
    warning = told.warning(run)
    warning.update(assessed(run), told.writer)
    late = {"elapsed_s": 150.0}
    warning.update(assessed(run, START + EVERY_S - 1.0, **late), told.writer)
    assert told.contexts == []
    warning.update(assessed(run, START + EVERY_S, **late), told.writer)
    assert len(told.contexts) == 1


def test_a_callback_that_fails_is_logged_and_the_next_one_called(caplog):
    def fails(_: Any) -> None:
        raise RuntimeError("no network")

    told, run = Told(fails), monitored()
    told.warning(run).update(assessed(run), told.writer)
    assert len(told.contexts) == 1
    assert any("A callback of on_expected_miss has failed" in m for m in caplog.messages)


def test_a_callback_that_hangs_is_left_behind(monkeypatch):
    monkeypatch.setattr(miss_warning, "CALLBACK_WITHIN_S", 0.01)
    hangs_until, over = Event(), Event()

    def hangs(_: Any) -> None:
        hangs_until.wait(30)
        over.set()

    told, run = Told(hangs), monitored()
    told.warning(run).update(assessed(run), told.writer)
    assert len(told.contexts) == 1
    assert not over.is_set()
    hangs_until.set()


def test_without_callbacks_the_log_tells_and_nothing_is_claimed(caplog):
    told, run = Told(), monitored()
    MissWarning(run, None, LOG).update(assessed(run), told.writer)
    assert [m for m in caplog.messages if "will probably be late" in m]
    assert told.history.warned == {}


def test_a_notifier_of_airflow_renders_its_templates():
    sent: list[str] = []

    class Note(BaseNotifier):
        template_fields = ("text",)

        def __init__(self) -> None:
            super().__init__()
            self.text = "{{ expected_miss.run.task_id }}: {{ expected_miss.lateness_s | round }} s"

        def notify(self, context: Any) -> None:
            sent.append(self.text)

    told, run = Told(Note()), monitored()
    told.warning(run).update(assessed(run), told.writer)
    assert sent == ["spark: 30.0 s"]
    assert "text" not in told.contexts[0]
