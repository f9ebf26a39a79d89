"""The way from a task to the history."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from airflow_enel.history.base import HistoryRefused, HistoryUnavailable
from airflow_enel.operators.connect import read_past_runs

LOG = cast("Any", logging.getLogger("connect"))


class Unreadable:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def past_runs(self, *_: Any, **__: Any) -> tuple[()]:
        raise self.error


@pytest.mark.parametrize("error", [HistoryUnavailable("no network"), HistoryRefused("403: no")])
def test_a_history_that_cannot_be_read_has_no_past_runs_and_that_is_logged(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    history = cast("Any", Unreadable(error))
    assert read_past_runs(history, "dag", "job", LOG) == ()
    assert str(error) in caplog.text


def test_without_a_history_there_are_no_past_runs() -> None:
    assert read_past_runs(None, "dag", "job", LOG) == ()
