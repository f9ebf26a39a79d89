"""What becomes the context of a run: what is submitted, and what authors write."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from airflow_enel.domain.context import CALENDAR, MAX_ENTRIES
from airflow_enel.execution.run_context import data_start_of, run_context
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.operators.validation import check_context
from airflow_enel.spark.submission.arguments import SubmitArguments

BERLIN = ZoneInfo("Europe/Berlin")
LOG = cast("Any", logging.getLogger("known"))


@pytest.fixture(autouse=True)
def spark_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "spark-core_2.13-4.0.1.jar").touch()
    (tmp_path / "conf").mkdir()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    return tmp_path


def operator(**arguments: Any) -> EnelSparkOperator:
    values = {"application": "s3://bucket/jobs/report.py", "policy": "static", **arguments}
    return EnelSparkOperator(task_id="job", **values)


def known(task: Any, author: object = None) -> dict[str, Any]:
    application = str(getattr(task, "application", ""))
    return dict(run_context(application, SubmitArguments.of(task), author, LOG, cores="1"))


def test_what_the_task_submits_is_known_without_a_word() -> None:
    task = operator(executor_cores=2, executor_memory="3g", driver_memory="512m")
    found = known(task)
    assert len(found.pop("code_digest")) == 16
    assert found == {
        "application": "report.py",
        "driver_memory_mib": 512,
        "executor_cores": 2,
        "executor_memory_mib": 3072,
        "spark_version": "4.0.1",
    }


def test_arguments_go_before_conf_and_conf_before_the_defaults_file(spark_home: Path) -> None:
    defaults = "spark.executor.memory 4g\nspark.executor.cores 4\nspark.driver.memory 4g\n"
    (spark_home / "conf" / "spark-defaults.conf").write_text(defaults)
    conf = {"spark.executor.memory": "3g", "spark.executor.cores": "3"}
    found = known(operator(conf=conf, executor_cores=2))
    sizes = ("executor_cores", "executor_memory_mib", "driver_memory_mib")
    assert [found[name] for name in sizes] == [2, 3072, 4096]


def test_without_any_size_sparks_defaults_count() -> None:
    found = known(operator())
    sizes = ("executor_cores", "executor_memory_mib", "driver_memory_mib")
    assert [found[name] for name in sizes] == [1, 1024, 1024]


def test_no_argument_environment_or_configuration_gets_into_it() -> None:
    secret = "hunter2"
    task = operator(
        application=f"https://user:{secret}@host/job.py?token={secret}",
        application_args=[secret],
        env_vars={"PASSWORD": secret},
        conf={"spark.password": secret, "spark.executor.memory": secret},
        name=secret,
    )
    assert secret not in str(known(task))


def test_the_author_adds_numbers_written_as_texts() -> None:
    found = known(operator(), {"input_mib": "2048", "table": "orders", "executor_cores": "8"})
    assert (found["input_mib"], found["table"], found["executor_cores"]) == (2048, "orders", 8)


def test_properties_add_what_event_logs_tell_and_the_author_goes_before_them(
    spark_home: Path,
) -> None:
    defaults = "spark.enel.context.table orders\nspark.enel.context.rows 1\n"
    (spark_home / "conf" / "spark-defaults.conf").write_text(defaults)
    conf = {"spark.enel.context.input_mib": "2048", "spark.enel.context.rows": "2"}
    found = known(operator(conf=conf), {"input_mib": 4096})
    assert (found["input_mib"], found["rows"], found["table"]) == (4096, 2, "orders")


@pytest.mark.parametrize(
    "author",
    [
        {"good": 1, "bad": None},
        {"good": 1, "bad": "None"},
        {"good": 1, "bad": "nan"},
        {"good": 1, "": 2},
        {"good": 1, "bad": [1]},
        {"good": 1, 5: 1},
    ],
)
def test_a_bad_value_is_left_out_with_one_warning(
    author: Any, caplog: pytest.LogCaptureFixture
) -> None:
    found = known(operator(), author)
    assert (found["good"], "bad" in found) == (1, False)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("author", ["text", 5, [("a", 1)]])
def test_what_is_no_mapping_is_left_out_with_one_warning(
    author: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert known(operator(), author) == known(operator())
    assert len(caplog.records) == 1


def test_whatever_a_task_is_nothing_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    odd = SimpleNamespace(_executor_memory=object(), conf=7, env_vars=None)
    assert known(odd, {"a": 1}) == {}
    assert len(caplog.records) == 1


def test_the_calendar_is_that_of_the_start_of_the_data_in_the_zone_of_the_dag() -> None:
    task = operator()
    start = datetime(2026, 3, 31, 23, 30, tzinfo=timezone.utc)
    airflow = {"data_interval_start": start, "dag": SimpleNamespace(timezone=BERLIN)}
    author = {"data_weekday": "Maundy Thursday"}
    arguments = SubmitArguments.of(task)
    found = run_context("", arguments, author, LOG, data_start=data_start_of(airflow))
    assert [found.get(name) for name in CALENDAR] == ["hour 01", "Maundy Thursday", "day 1", "no"]


def test_without_a_data_interval_the_logical_date_counts_then_when_the_run_may_start() -> None:
    logical, after = (datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2))
    run = SimpleNamespace(run_after=after)
    given = {"data_interval_start": None, "logical_date": logical, "dag_run": run}
    assert data_start_of(given) == logical
    assert data_start_of({**given, "logical_date": None}) == after
    assert data_start_of({}) is None


def test_of_another_operator_only_the_application_is_known() -> None:
    assert known(SimpleNamespace(application="x/y.jar")) == {"application": "y.jar"}
    assert known(SimpleNamespace()) == {}


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ([("a", 1)], "context must map"),
        ({"a": None}, "context 'a' must be a text or a number"),
        ({"a": float("nan")}, "context 'a' must be a finite number"),
        ({"a": "nan"}, "context 'a' must be a finite number"),
        ({"a": "x" * 501}, "at most 500"),
        ({"": "{{ ds }}"}, "names in a context"),
        ({5: 1}, "names in a context"),
        ({str(n): n for n in range(MAX_ENTRIES + 1)}, "65 entries"),
    ],
)
def test_a_literal_that_cannot_be_kept_is_refused_when_the_dag_is_parsed(
    context: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        operator(context=context)


@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        {"input_mib": "{{ ti.xcom_pull('measure') }}"},
        {"a": "text", "b": 1, "c": 0.5, "d": True},
        {"a": SimpleNamespace(resolve=None)},  # the output of another task
        SimpleNamespace(resolve=None),
        "{{ ti.xcom_pull('measure') }}",
    ],
)
def test_templates_and_outputs_of_other_tasks_are_taken(context: Any) -> None:
    check_context(context)


def test_the_context_is_a_template_field_and_renders_inside() -> None:
    task = operator(context={"input_mib": "{{ size }}", "day": "d-{{ ds }}"})
    task.render_template_fields({"size": 7, "ds": "2026-01-31"})  # type: ignore[arg-type]
    assert task.context == {"input_mib": "7", "day": "d-2026-01-31"}
    assert known(task, task.context)["input_mib"] == 7


def test_the_request_of_a_try_has_it_and_so_has_its_run() -> None:
    task = operator(context={"input_mib": "7"})
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="job", map_index=-1, try_number=1)
    request = task.run_task(cast("Any", {"ti": ti})).request
    assert request.context.get("input_mib") == 7
    assert request.run(1, 0.0).context == request.context
