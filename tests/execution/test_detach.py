"""A task that does not wait for its application leaves it to its supervisor."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.domain import AgentAddress, RunKey
from airflow_enel.execution.application import TaskApplication
from airflow_enel.execution.detach import detach
from airflow_enel.execution.submission_record import SubmissionRecord
from airflow_enel.history.interface import Record
from airflow_enel.history.records import AgentSaved
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.fakes.applications import FakeDriver
from tests.support.fakes.clocks import VirtualTime
from tests.support.fakes.tasks import StateStore

KEY = RunKey("dag", "run", "job", -1, 1)
LOG = cast("Any", logging.getLogger("detach"))
ADDRESS = AgentAddress("127.0.0.1", 9)


@dataclass
class Writer:
    written: list[Record] = field(default_factory=list)

    def write(self, record: Record) -> None:
        self.written.append(record)


class Scene:
    def __init__(self, base: Path) -> None:
        folder = RunFolder.of(KEY.id, base)
        folder.make()
        folder.reporter_credentials.touch()
        folder.mark_followed()
        self.driver = FakeDriver(folder)
        self.time = VirtualTime()
        self.store = StateStore()
        self.writer = Writer()
        ti = SimpleNamespace(try_number=1, max_tries=0)
        self.task = TaskApplication(cast("Any", {"ti": ti, "task_state_store": self.store}), LOG)
        self.task.attach_driver(self.driver)

    def detach(self) -> bool:
        writer = cast("Any", self.writer)
        return detach(KEY, self.task, writer, LOG, 1.0, self.time.clock)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "work")


def test_it_is_left_once_its_agent_is_up_and_where_that_listens_is_recorded(scene: Scene) -> None:
    scene.time.at(20.0, lambda: setattr(scene.driver, "address", ADDRESS))
    assert scene.detach()
    assert scene.writer.written == [AgentSaved(KEY.id, ADDRESS)]
    assert SubmissionRecord.read(scene.store) == SubmissionRecord.here(1, handed_over=True)
    assert not scene.driver.folder.follower_pid.exists()
    assert 20.0 <= scene.time.now_s <= 22.0


def test_it_is_left_without_an_agent_that_does_not_come_up_in_time(scene: Scene) -> None:
    assert scene.detach()
    assert scene.writer.written == []
    assert 90.0 <= scene.time.now_s <= 92.0


def test_one_that_ends_before_its_agent_is_up_is_not_left(scene: Scene) -> None:
    scene.time.at(5.0, lambda: setattr(scene.driver, "code", 3))
    assert not scene.detach()
    assert scene.store == {}


def test_without_a_way_to_the_history_it_is_waited_for(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.driver.folder.reporter_credentials.unlink()
    assert not scene.detach()
    assert "nobody could report how it ends" in caplog.text
    assert scene.driver.folder.follower_pid.exists()
