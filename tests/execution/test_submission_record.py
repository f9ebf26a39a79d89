"""The record of a submission in Airflow's state of the task."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any

import pytest

from airflow_enel.domain import RunKey
from airflow_enel.execution.submission_record import RECORD_KEY, SubmissionRecord
from tests.support.fakes.tasks import StateStore


def test_a_record_comes_back_as_it_was_written() -> None:
    store = StateStore()
    SubmissionRecord.here(3, handed_over=True).write(store)
    assert SubmissionRecord.read(store) == SubmissionRecord(
        3, socket.gethostname(), handed_over=True
    )


@pytest.mark.parametrize("odd", [None, "x", 3, {}, {"submit_try": "1", "host": "a"}])
def test_a_record_that_cannot_be_read_is_none(odd: Any) -> None:
    assert SubmissionRecord.read(StateStore({RECORD_KEY: odd})) is None


def test_its_format_is_what_earlier_versions_have_written() -> None:
    store = StateStore()
    SubmissionRecord(2, "worker").write(store)
    assert store == {"enel:submission": {"submit_try": 2, "host": "worker", "handed_over": False}}


def test_the_handle_is_that_of_the_try_which_has_submitted() -> None:
    key = RunKey("dag", "run", "task", -1, submit_try=3)
    handle = SubmissionRecord(2, "worker").handle(key)
    assert (handle.run_id, handle.host) == (replace(key, submit_try=2).id, "worker")
