"""The operator's arguments, and what it uses of Airflow's Spark provider."""

from __future__ import annotations

import inspect
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_enel.domain import Bounds
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.spark.properties import mebibytes
from airflow_enel.spark.submission.arguments import SubmitArguments
from airflow_enel.spark.submission.client.embedded import use_embedded_cluster
from airflow_enel.spark.submission.client.output import DriverOutput
from airflow_enel.spark.submission.client.preflight import (
    check_application,
    check_connection,
    check_master,
)
from airflow_enel.spark.submission.client.provider_hook import ProviderHook
from tests.support.fakes.tasks import task_context

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)


def operator(**arguments: Any) -> EnelSparkOperator:
    with_target = {"runtime_target": 60, **arguments}
    return EnelSparkOperator(task_id="job", application="job.py", **with_target)


def arguments(**given: Any) -> SubmitArguments:
    found = SubmitArguments.of(operator(**given))
    assert found is not None
    return found


def test_every_argument_of_the_stock_operator_is_taken() -> None:
    stock = inspect.signature(SparkSubmitOperator.__init__).parameters
    values = {"executor_memory": "2g", "name": "mine", "py_files": "x.zip", "verbose": True}
    assert values.keys() <= stock.keys()
    made = operator(**values)
    assert (made._executor_memory, made.name, made.py_files) == ("2g", "mine", "x.zip")


def test_target_and_key_are_templated_like_everything_the_stock_operator_templates() -> None:
    own = set(EnelSparkOperator.template_fields) - set(SparkSubmitOperator.template_fields)
    assert own == {"runtime_target", "deadline", "job_key", "context", "input_paths"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"policy": "magic"},
            "no policy 'magic': there are enel, enel-risk, ellis",
        ),
        ({"min_executors": 5, "max_executors": 4}, r"min_executors \(5\) must not exceed"),
        ({"min_executors": 0}, "min_executors must be at least 1"),
        ({"runtime_target": None}, "policy 'enel' needs to know .* set runtime_target"),
        ({"runtime_target": 0}, "runtime_target"),
        ({"runtime_target": -5.0}, "runtime_target"),
        ({"runtime_target": timedelta(0)}, "runtime_target"),
        ({"runtime_target": float("nan")}, "runtime_target"),
        ({"runtime_target": "soon"}, "runtime_target"),
        ({"deadline": datetime(2026, 1, 1)}, "deadline is .* no time zone"),  # noqa: DTZ001
        ({"deadline": "soon"}, "deadline is 'soon'; write a datetime"),
        ({"deadline": 7200}, "deadline is '7200'"),
        ({"deadline": timedelta(0)}, "deadline is '0:00:00'"),
        ({"deadline_reference": "now"}, "deadline_reference is 'now'; .* 'run_after', 'logical"),
        ({"on_expected_miss": "me"}, "on_expected_miss must be a notifier .*, not str 'me'"),
        ({"on_expected_miss": [print, 5]}, "on_expected_miss must be .*, not int '5'"),
        ({"expected_miss_threshold": 1.0}, "expected_miss_threshold is 1.0; it must be"),
        ({"expected_miss_threshold": "half"}, "expected_miss_threshold must be a number"),
        ({"on_infeasible": "warn"}, "on_infeasible is 'warn'; it must be one of 'run', 'fail'"),
    ],
)
def test_arguments_that_cannot_work_are_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        operator(**arguments)


@pytest.mark.parametrize(
    ("given", "callbacks"), [(None, ()), (print, (print,)), ([print, repr], (print, repr))]
)
def test_one_callback_several_or_none_are_taken(given: Any, callbacks: tuple[Any, ...]) -> None:
    assert operator(on_expected_miss=given).on_expected_miss == callbacks


@pytest.mark.parametrize("target", [timedelta(minutes=5), 300, 300.0, "PT5M", "{{ params.t }}"])
def test_targets_in_every_notation_and_templates_are_taken(target: Any) -> None:
    assert operator(runtime_target=target).runtime_target == target


@pytest.mark.parametrize(
    "deadline", [timedelta(hours=2), "PT2H", NOON, NOON.isoformat(), "{{ data_interval_end }}"]
)
def test_a_deadline_does_instead_of_a_target(deadline: Any) -> None:
    assert operator(runtime_target=None, deadline=deadline).deadline == deadline


async def nobody(**_: Any) -> None:
    """A callback that no test waits for."""


def dag(*, with_alert: bool) -> DAG:
    alert = DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), AsyncCallback(nobody)
    )
    return DAG("deadlines", schedule=None, deadline=alert if with_alert else None)


def test_the_deadline_of_the_dag_does_instead_of_a_target() -> None:
    with dag(with_alert=True):
        assert operator(runtime_target=None).deadline is None


def test_a_dag_without_a_deadline_leaves_a_policy_without_its_target() -> None:
    with (
        dag(with_alert=False),
        pytest.raises(ValueError, match="set deadline, or deadline=DeadlineAlert"),
    ):
        operator(runtime_target=None)


def test_an_instance_of_a_mapped_task_may_live_by_the_deadline_of_its_dag() -> None:
    with dag(with_alert=True) as made:
        EnelSparkOperator.partial(task_id="job").expand(application=["a.py", "b.py"])
    unmapped = made.get_task("job").unmap({"application": "a.py"})
    assert (unmapped.application, unmapped.runtime_target) == ("a.py", None)


@pytest.mark.parametrize(
    ("given", "left_s"),
    [
        ({"deadline": timedelta(hours=2)}, 7200),
        ({"deadline": "PT2H", "deadline_reference": "logical_date"}, 7200 - 86400),
        ({"deadline": NOON + timedelta(hours=1)}, 3600),
    ],
)
def test_a_deadline_counts_from_when_the_dag_run_was_due_or_as_the_author_says(
    given: dict[str, Any], left_s: float
) -> None:
    dag_run = SimpleNamespace(run_after=NOON, logical_date=NOON - timedelta(days=1))
    made = operator(runtime_target=None, **given)
    request = made.run_task(task_context(dag_run=dag_run)).request
    assert (request.runtime_target_s, request.deadline_at) == (None, NOON.timestamp() + left_s)


@pytest.mark.parametrize("rendered", ["", "None", "2026-01-02 00:00:00", "Undefined"])
def test_a_template_that_renders_to_no_deadline_is_said_before_anything_is_submitted(
    rendered: str,
) -> None:
    made = operator(runtime_target=None, deadline="{{ params.deadline }}")
    made.deadline = rendered
    with pytest.raises(ValueError, match="deadline is"):
        made.run_task(task_context())


def test_a_policy_that_needs_no_target_does_without() -> None:
    assert operator(policy="static", runtime_target=None).runtime_target is None


def test_the_hook_still_has_the_private_names_that_are_used() -> None:
    hook = SparkSubmitHook(conn_id="there_is_no_such_connection")
    assert hook.default_conn_name == "spark_default"
    for name in (
        "_conn_id",
        "_connection",
        "_conf",
        "_env",
        "_is_yarn",
        "_is_yarn_cluster_mode",
        "_num_executors",
    ):
        assert hasattr(hook, name), name
    assert {"master", "deploy_mode"} <= hook._connection.keys()
    assert "hunter2" not in hook._mask_cmd("--conf spark.password=hunter2")
    command = hook._build_spark_submit_command("job.py")
    assert (command[0], command[-1]) == ("spark-submit", "job.py")
    hook._process_spark_submit_log(iter(["a line\n"]))
    hook._run_post_submit_commands()


def test_the_stock_operator_still_has_the_private_names_that_are_used() -> None:
    made = operator()
    for name in (
        "_driver_memory",
        "_executor_cores",
        "_executor_memory",
        "_num_executors",
        "_openlineage_inject_parent_job_info",
        "_openlineage_inject_transport_info",
        "_status_poll_interval",
    ):
        assert hasattr(made, name), name


def test_an_application_that_is_not_there_is_said_before_submitting(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist on this worker"):
        check_application(str(tmp_path / "nothing.py"))
    with pytest.raises(ValueError, match="application is empty"):
        check_application("")


def test_applications_elsewhere_are_left_to_spark() -> None:
    check_application("hdfs://namenode/jobs/report.jar")
    check_application("s3a://bucket/report.py")


@pytest.mark.parametrize(
    ("master", "mode"),
    [("yarn", None), ("k8s://https://host", None), ("spark://host:7077", "cluster")],
)
def test_a_cluster_that_cannot_be_steered_is_refused_with_the_connection_to_change(
    master: str, mode: str | None
) -> None:
    hook = SparkSubmitHook()
    hook._connection.update(master=master, deploy_mode=mode)
    with pytest.raises(ValueError, match="the connection 'spark_default' says master"):
        check_connection(ProviderHook(hook), "ellis")


def test_plain_local_has_one_executor_and_is_taken_only_if_nothing_is_to_change() -> None:
    hook = SparkSubmitHook()
    hook._connection.update(master="local[4]", deploy_mode=None)
    check_connection(ProviderHook(hook), "static")
    with pytest.raises(ValueError, match=r"local\[4\]"):
        check_connection(ProviderHook(hook), "bell")


def test_a_connection_that_does_not_exist_is_a_mistake_and_no_reason_to_run_on_the_worker() -> None:
    hook = SparkSubmitHook(conn_id="spark_prd")
    assert not use_embedded_cluster(ProviderHook(hook), Bounds(1, 4), arguments())
    with pytest.raises(ValueError, match="no Airflow connection 'spark_prd'"):
        check_connection(ProviderHook(hook), "ellis")


def test_without_the_default_connection_a_cluster_is_embedded() -> None:
    hook = SparkSubmitHook()
    small = arguments(executor_memory="512m")
    assert use_embedded_cluster(ProviderHook(hook), Bounds(1, 4), small)
    assert hook._connection["master"] == "local-cluster[1,8,4096]"
    check_connection(ProviderHook(hook), "ellis")


def test_executors_of_an_embedded_cluster_have_the_size_that_the_task_names() -> None:
    hook = SparkSubmitHook()
    assert use_embedded_cluster(
        ProviderHook(hook), Bounds(1, 4), arguments(executor_cores=2, executor_memory="512m")
    )
    assert hook._connection["master"] == "local-cluster[1,16,4096]"
    # Its command-line options of the same meaning are none to spark-submit on such a master.
    assert hook._conf["spark.executor.cores"] == "2"
    assert hook._conf["spark.executor.memory"] == "512m"


@pytest.mark.parametrize(
    ("size", "expected"),
    [("512m", 512), ("2g", 2048), ("1GB", 1024), ("1500k", 2), ("700", 700), ("3000000b", 3)],
)
def test_sizes_of_memory_are_read_as_spark_reads_them(size: str, expected: int) -> None:
    assert mebibytes(size) == expected


def test_a_size_of_memory_that_is_none_is_refused_with_an_example() -> None:
    with pytest.raises(ValueError, match="write for instance 512m"):
        mebibytes("much")


def test_a_master_that_nobody_listens_for_is_said_before_submitting() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        master = f"spark://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"no Spark master answers at {master}"):
            check_master(master)


def test_one_master_of_a_set_that_answers_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_master(f"spark://127.0.0.1:1,127.0.0.1:{server.getsockname()[1]}")
    check_master("local-cluster[1,2,1024]")


def test_the_last_words_of_a_driver_are_not_hidden_by_sparks_chatter() -> None:
    output = DriverOutput(ProviderHook(SparkSubmitHook(conn_id="somewhere")))
    output.log(["Traceback (most recent call last):", "ValueError: no such table"])
    output.log(["26/11/20 13:14:01 INFO SparkContext: bye"] * 100)
    output.log(["\tat java.base/java.lang.Thread.run(Thread.java:840)"] * 100)
    assert output.last_lines.splitlines() == [
        "Traceback (most recent call last):",
        "ValueError: no such table",
    ]


def test_another_configuration_for_the_hook_leaves_the_operator_as_it_was() -> None:
    made = operator(conf={"spark.a": "1"}, jars="mine.jar")
    hook = made._hook_with({"spark.b": "2"}, "ours.jar")
    assert (hook._conf, hook._jars) == ({"spark.b": "2"}, "ours.jar")
    assert (made.conf, made.jars) == ({"spark.a": "1"}, "mine.jar")
