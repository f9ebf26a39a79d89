from typing import Any

import pytest

from airflow_enel.domain import NO_SWITCHES, Switches
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.execution.switch_reader import PAUSE_S, SwitchReader
from tests.support.fakes.histories import MemoryHistory

PAUSED = Switches(pause_out=True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def history() -> Any:
    return MemoryHistory()


def test_reads_anew_each_time(history: Any) -> None:
    reader = SwitchReader(Clock())
    assert reader.read(history, "run") == NO_SWITCHES
    history.held_back = PAUSED
    assert reader.read(history, "run") == PAUSED


def test_what_was_read_last_holds_while_the_history_is_away(history: Any) -> None:
    reader = SwitchReader(Clock())
    history.held_back = PAUSED
    reader.read(history, "run")
    history.away = True
    assert reader.read(history, "run") == PAUSED


def test_asks_a_history_that_is_away_only_now_and_then(history: Any) -> None:
    clock = Clock()
    reader = SwitchReader(clock)
    history.away = True
    reader.read(history, "run")
    history.away, history.held_back = False, PAUSED
    assert reader.read(history, "run") == NO_SWITCHES
    clock.now += PAUSE_S
    assert reader.read(history, "run") == PAUSED


def test_a_task_without_a_history_goes_unpaused() -> None:
    assert BufferedWriter(None, None).switches("run") == NO_SWITCHES  # type: ignore[arg-type]
