"""What a component knows of its stages."""

from __future__ import annotations

from typing import Any

from airflow_enel.domain import Stage, StageMetrics
from airflow_enel.domain.snapshot import input_bytes_of
from tests.support.builders.samples import stage


def read(stage_id: int, input_bytes: int, **changes: Any) -> Stage:
    return stage(stage_id, metrics=StageMetrics(input_bytes=input_bytes), **changes)


def test_stages_add_up_but_attempts_at_one_stage_do_not() -> None:
    whole, lost_part = read(0, 1000), read(0, 250, attempt=1)
    assert input_bytes_of([whole, lost_part, read(3, 40)]) == 1040


def test_attempts_that_failed_or_have_not_ended_have_read_nothing_that_counts() -> None:
    failed, open_one = read(0, 1000, failure="lost"), read(1, 1000, completed_at=None)
    assert input_bytes_of([failed, open_one, read(0, 30, attempt=1)]) == 30
