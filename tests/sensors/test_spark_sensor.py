"""What a poke makes of a task and of the end of its application; the sensor's arguments."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_enel.domain import RunState
from airflow_enel.execution.sensor_poll import parse_address
from airflow_enel.sensors.spark import EnelSparkSensor
from tests.sensors.scene import Scene, sensor
from tests.support.processes.python import modules_loaded_by

FINAL = ["failed", "skipped", "upstream_failed", "removed"]
NOT_YET = [None, "scheduled", "queued", "running", "up_for_retry", "deferred", "restarting"]


# Before the application


@pytest.mark.parametrize("state", NOT_YET)
def test_it_waits_for_a_task_that_has_not_submitted_yet(scene: Scene, state: str | None) -> None:
    assert scene.task_is(state).poke() is False


@pytest.mark.parametrize("state", FINAL)
def test_it_fails_with_a_task_that_will_not_submit(scene: Scene, state: str) -> None:
    with pytest.raises(AirflowFailException, match=f"is {state} and has submitted no"):
        scene.task_is(state).poke()


def test_it_tells_what_to_add_to_a_task_whose_application_has_no_agent(scene: Scene) -> None:
    with pytest.raises(AirflowFailException, match=r"agent_conf\(…\)"):
        scene.task_is("success").poke()


def test_a_task_that_is_not_in_the_dag_is_told_at_once(scene: Scene) -> None:
    context = {**scene.context(), "dag": SimpleNamespace(has_task=lambda name: name == "other")}
    with pytest.raises(AirflowFailException, match="no task 'job' in this DAG"):
        sensor().poke(cast("Any", context))


# Its end, of an operator of ours


@pytest.mark.parametrize("state", ["running", "success", "failed"])
def test_a_succeeded_application_is_all_it_waits_for(scene: Scene, state: str) -> None:
    assert scene.submitted().ended(RunState.SUCCEEDED, 0).task_is(state).poke() is True


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.KILLED, RunState.LOST])
@pytest.mark.parametrize("task_state", NOT_YET)
def test_it_waits_for_the_retry_of_a_failed_application(
    scene: Scene, ended: RunState, task_state: str | None
) -> None:
    assert scene.submitted().ended(ended).task_is(task_state).poke() is False


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.KILLED, RunState.LOST])
@pytest.mark.parametrize("task_state", ["success", *FINAL])
def test_it_fails_with_an_application_that_nobody_tries_again(
    scene: Scene, ended: RunState, task_state: str
) -> None:
    with pytest.raises(AirflowFailException, match=f"has ended: {ended.value} with exit code 3"):
        scene.submitted().ended(ended).task_is(task_state).poke()


def test_of_an_operator_of_ours_a_succeeded_task_does_not_mean_that_its_application_has(
    scene: Scene,
) -> None:
    assert scene.submitted().task_is("success").poke() is False
    assert scene.history.run(scene.id).state is RunState.SUBMITTED


def test_with_soft_fail_a_failed_application_skips_it(scene: Scene) -> None:
    scene.submitted().ended(RunState.FAILED).task_is("failed")
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute(scene.context())


def test_it_times_out_as_every_sensor_does(scene: Scene) -> None:
    with pytest.raises(AirflowSensorTimeout):
        sensor(timeout=0.01, poke_interval=0.02).execute(scene.submitted().context())


# Arguments


@pytest.mark.parametrize(
    "text", ["driver", "driver:", ":80", "d:0", "d:65536", "d:x", "d:-1", "d:²"]
)
def test_an_impossible_address_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="write host:port"):
        parse_address(text)


@pytest.mark.parametrize("text", [None, "", " ", "None"])
def test_no_address_is_none(text: str | None) -> None:
    assert parse_address(text) is None


def test_an_address_may_be_of_the_sixth_version() -> None:
    address = parse_address(" [::1]:4050 ")
    assert address is not None
    assert (address.host, address.port) == ("[::1]", 4050)


def test_task_and_address_are_templated() -> None:
    assert set(EnelSparkSensor.template_fields) == {"external_task_id", "agent_address"}


@pytest.mark.processes
def test_importing_the_sensor_is_cheap() -> None:
    loaded = modules_loaded_by("import airflow_enel.sensors.spark")
    assert not {"numpy", "scipy", "torch"} & loaded
    assert not [name for name in loaded if name.startswith("airflow_enel.operators")]
