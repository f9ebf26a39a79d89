"""The recorder keeps the order, loses nothing while the history is away, and never raises."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from airflow_enel.history.base import History, HistoryRefused, HistoryUnavailable
from airflow_enel.operators.recorder import Recorder


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Away:
    """A history that is away for some calls and notes what arrives."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or HistoryUnavailable("no network")
        self.calls = 0
        self.written: list[str] = []

    def past_runs(self, *_: Any) -> tuple[()]:
        raise self.error

    def write(self, what: str) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise self.error
        self.written.append(what)


def recorder(history: Away | None, clock: Clock) -> Recorder:
    return Recorder(
        cast("History | None", history), cast("Any", logging.getLogger("t")), clock, clock.sleep
    )


def write(what: str) -> Any:
    return lambda history: history.write(what)


def test_records_that_could_not_be_written_come_later_in_their_order() -> None:
    history, clock = Away(failures=1), Clock()
    kept = recorder(history, clock)
    for what in "abc":
        kept.record(write(what))
    assert history.written == []
    clock.now += 20
    kept.flush()
    assert history.written == ["a", "b", "c"]


def test_a_history_that_is_away_is_not_asked_again_at_every_poll() -> None:
    history, clock = Away(failures=99), Clock()
    kept = recorder(history, clock)
    for _ in range(10):
        kept.record(write("a"))
    assert history.calls == 1


def test_at_the_end_of_the_run_a_history_that_is_away_is_waited_for() -> None:
    history, clock = Away(failures=5), Clock()
    kept = recorder(history, clock)
    kept.record(write("a"))
    kept.flush(last=True)
    assert history.written == ["a"]


def test_the_wait_at_the_end_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    kept = recorder(Away(failures=999), clock)
    kept.record(write("a"))
    kept.flush(last=True)
    assert clock.now <= 100.0 + 70
    assert "1 records of this run could not be written" in caplog.text


@pytest.mark.parametrize("error", [HistoryRefused("no such run"), TypeError("a fault of ours")])
def test_a_record_that_is_not_taken_does_not_block_the_ones_after_it(error: Exception) -> None:
    history, clock = Away(failures=1, error=error), Clock()
    kept = recorder(history, clock)
    kept.record(write("bad"))
    kept.record(write("good"))
    assert history.written == ["good"]


def test_it_is_said_once_that_the_history_is_away(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    kept = recorder(Away(failures=99), clock)
    for _ in range(5):
        kept.record(write("a"))
        clock.now += 60
    assert len([r for r in caplog.records if "The history is away" in r.message]) == 1


@pytest.mark.parametrize("history", [None, Away()])
def test_without_a_history_there_are_no_past_runs(history: Away | None) -> None:
    assert recorder(history, Clock()).past_runs("dag", "job") == ()
