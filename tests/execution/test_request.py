"""The rendered arguments of an application, and who submits it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.domain import Bounds, RunContext, RunKey
from airflow_enel.execution.request import RunRequest, run_key, unknown_patience_s, work_dir


def context(map_index: int | None) -> Any:
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=map_index, try_number=2)
    return cast("Any", {"ti": ti})


@pytest.mark.parametrize(("map_index", "expected"), [(None, -1), (-1, -1), (0, 0), (7, 7)])
def test_the_key_is_the_task_instance_and_its_present_try(
    map_index: int | None, expected: int
) -> None:
    assert run_key(context(map_index)) == RunKey("d", "r", "t", expected, 2)


def test_the_run_of_a_request_has_all_that_is_stored_of_it() -> None:
    key, known = RunKey("d", "r", "t", -1, 1), RunContext.of({"a": 1})
    request = RunRequest(
        *(key, "job", "job.py", "bell", Bounds(2, 5), 60.0),
        initial_executors=4,
        context=known,
        foreign_operator=True,
    )
    run = request.run(3, 1000.0)
    assert (run.key, run.job_key, run.application, run.policy) == (key, "job", "job.py", "bell")
    assert (run.bounds, run.runtime_target_s, run.context) == (Bounds(2, 5), 60.0, known)
    assert (run.initial_executors, run.submitted_at, run.foreign_operator) == (3, 1000.0, True)


def test_folders_are_where_the_configuration_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__ENEL__WORK_DIR", raising=False)
    assert work_dir() is None
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", "/var/lib/enel")
    assert work_dir() == Path("/var/lib/enel")


def test_patience_is_ten_minutes_or_what_the_configuration_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AIRFLOW__ENEL__UNKNOWN_PATIENCE", raising=False)
    assert unknown_patience_s() == 600.0
    monkeypatch.setenv("AIRFLOW__ENEL__UNKNOWN_PATIENCE", "5")
    assert unknown_patience_s() == 5.0
