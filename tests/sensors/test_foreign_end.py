"""The end of an application of another operator than ours, which nobody else tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_enel.domain import RunState
from airflow_enel.history.interface import HistoryUnavailable
from airflow_enel.history.sql.repository import SqlHistory
from tests.sensors.scene import Scene
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import Respond, page


@pytest.mark.parametrize("left", ["final file", "agent", "nothing"])
def test_of_another_operator_the_task_tells_how_the_application_has_ended(
    scene: Scene, agent: Callable[[Respond], int], left: str
) -> None:
    scene.submitted(foreign=True)
    whole = e.simple_run(components=2)
    if left == "agent":
        scene.serving(agent(scene.answering(whole)))
    elif left == "final file":
        scene.serving(1).folder.final_state.write_bytes(page(whole))
    assert scene.task_is("success").poke() is True
    outcome = scene.history.run(scene.id).outcome
    assert outcome is not None
    known = left != "nothing"
    assert (outcome.state, outcome.complete) == (RunState.SUCCEEDED, known)
    assert outcome.runtime_s == (22.0 if known else None)
    assert len(scene.history.components(scene.id)) == (2 if known else 0)
    assert not scene.folder.exists
    assert scene.poke() is True


def test_a_failed_task_of_another_operator_fails_it_and_the_run(scene: Scene) -> None:
    with pytest.raises(AirflowFailException, match="has ended: failed"):
        scene.submitted(foreign=True).task_is("failed").poke()
    assert scene.history.run(scene.id).state is RunState.FAILED


def test_a_try_of_another_operator_that_will_be_repeated_has_failed(scene: Scene) -> None:
    assert scene.submitted(foreign=True).task_is("up_for_retry").poke() is False
    assert scene.history.run(scene.id).state is RunState.FAILED


def test_an_application_that_outlives_the_task_of_another_operator_is_watched_on(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    scene.submitted(foreign=True).task_is("success")
    scene.serving(agent(scene.answering(e.simple_run(components=2)[:-1])))
    assert scene.poke() is False
    assert len(scene.sent) == 1
    assert scene.history.run(scene.id).outcome is None


def test_an_end_that_could_not_be_recorded_is_recorded_by_the_next_poke(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.submitted(foreign=True).serving(1).task_is("success")
    scene.folder.final_state.write_bytes(page(e.simple_run(components=2)))

    def fails(*_: Any) -> Any:
        raise HistoryUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(SqlHistory, "finish_run", fails)
        assert scene.poke() is False
    assert scene.poke() is True
