"""Whatever is wrong with a model costs one warning, never the run."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_enel.domain import TrainedModel
from airflow_enel.history.base import HistoryRefused, HistoryUnavailable
from airflow_enel.operators.models import usable_model

LOG = cast("Any", logging.getLogger("models"))
MODEL = TrainedModel.sealed("m", "enel", 1, "{}", b"weights", 0.0)


class Fixed:
    """A history that has one thing to say about models."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def latest_model(self, kind: str) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def usable(answer: Any) -> TrainedModel | None:
    return usable_model(cast("Any", Fixed(answer)), "enel", 1, LOG)


def test_a_whole_model_is_used(caplog: pytest.LogCaptureFixture) -> None:
    assert usable(MODEL) is MODEL
    assert not caplog.records


@pytest.mark.parametrize(
    "answer",
    [
        HistoryUnavailable("away"),
        HistoryRefused("no"),
        replace(MODEL, weights=b"other"),
        TrainedModel.sealed("m", "other", 1, "{}", b"weights", 0.0),
        TrainedModel.sealed("m", "enel", 2, "{}", b"weights", 0.0),
    ],
    ids=["away", "refused", "corrupt", "foreign", "other schema"],
)
def test_one_that_cannot_be_used_costs_one_warning(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert usable(answer) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_no_model_and_no_history_are_nothing_to_warn_of(caplog: pytest.LogCaptureFixture) -> None:
    assert usable(None) is None
    assert usable_model(None, "enel", 1, LOG) is None
    assert not caplog.records
