"""Buffered writes keep their order and survive outages; immediate ones say what to send."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from airflow_enel.domain import AgentAddress, Step
from airflow_enel.execution.history_writer import BufferedWriter, ImmediateWriter
from airflow_enel.history.http.capability import TaskIdentity
from airflow_enel.history.http.client import HttpHistory, Requests
from airflow_enel.history.interface import (
    DecisionRow,
    DecisionStatus,
    History,
    HistoryRefused,
    HistoryUnavailable,
)
from airflow_enel.history.memory_queue import MemoryQueue
from airflow_enel.history.records import (
    AgentSaved,
    DecisionCompleted,
    DecisionIntended,
    RunFinished,
)
from tests.support.builders import samples


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Away:
    """A history that is away for some calls and notes what arrives."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error or HistoryUnavailable("no network")
        self.calls = 0
        self.written: list[str] = []

    def write_queue(self, file: Path, log: Any) -> MemoryQueue:
        return MemoryQueue(cast("History", self), log)

    def save_agent(self, run_id: str, address: AgentAddress) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise self.error
        self.written.append(address.host)


def writer(history: Away | None, clock: Clock) -> BufferedWriter:
    return BufferedWriter(
        cast("History | None", history), cast("Any", logging.getLogger("t")), clock, clock.sleep
    )


def agent(host: str = "h") -> AgentSaved:
    return AgentSaved("r", AgentAddress(host, 1))


def test_records_that_could_not_be_written_come_later_in_their_order() -> None:
    history, clock = Away(failures=1), Clock()
    kept = writer(history, clock)
    for what in "abc":
        kept.write(agent(what))
    assert history.written == []
    clock.now += 20
    kept.flush()
    assert history.written == ["a", "b", "c"]


def test_a_history_that_is_away_is_not_asked_again_at_every_poll() -> None:
    history, clock = Away(failures=99), Clock()
    kept = writer(history, clock)
    for _ in range(10):
        kept.write(agent("a"))
    assert history.calls == 1


def test_at_the_end_of_the_run_a_history_that_is_away_is_waited_for() -> None:
    history, clock = Away(failures=5), Clock()
    kept = writer(history, clock)
    kept.write(agent("a"))
    kept.flush(last=True)
    assert history.written == ["a"]


def test_the_wait_at_the_end_has_an_end(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    kept = writer(Away(failures=999), clock)
    kept.write(agent("a"))
    kept.flush(last=True)
    assert clock.now <= 100.0 + 70
    assert "1 records of this run could not be written" in caplog.text


def test_a_history_in_this_process_keeps_records_in_memory_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, history = Clock(), cast("History", Away(failures=999))
    log = cast("Any", logging.getLogger("t"))
    kept = BufferedWriter(history, log, clock, clock.sleep, spool=tmp_path / "spool")
    kept.write(agent())
    kept.flush(last=True)
    assert "they are kept in memory" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [HistoryRefused("no such run"), TypeError("a fault of ours")])
def test_a_record_that_is_not_taken_does_not_block_the_ones_after_it(error: Exception) -> None:
    history, clock = Away(failures=1, error=error), Clock()
    kept = writer(history, clock)
    kept.write(agent("bad"))
    kept.write(agent("good"))
    assert history.written == ["good"]


def test_it_is_said_once_that_the_history_is_away(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    kept = writer(Away(failures=99), clock)
    for _ in range(5):
        kept.write(agent("a"))
        clock.now += 60
    assert len([r for r in caplog.records if "The history is away" in r.message]) == 1


# Over HTTP


class Api:
    """The API server, there or away; knows what it was sent."""

    def __init__(self) -> None:
        self.status = 204
        self.calls = 0
        self.taken: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if self.status == 204:
            self.taken.append(request.url.path.rpartition("/")[2])
        return httpx.Response(self.status, json={"detail": "so it is"})


def over_http(api: Api, clock: Clock, spool: Path) -> BufferedWriter:
    task = TaskIdentity("dag", "run", "task", -1, 1)
    history = HttpHistory(
        Requests("http://server", "token", task, transport=httpx.MockTransport(api))
    )
    log = cast("Any", logging.getLogger("t"))
    return BufferedWriter(history, log, clock, clock.sleep, spool=spool)


def test_a_write_over_http_is_on_disk_before_it_is_sent(tmp_path: Path) -> None:
    spool, seen = tmp_path / "spool", []

    class Looking(Api):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            (record,) = spool.read_text().splitlines()[1:]
            seen.append(json.loads(record)["body"] == request.content.decode())
            return super().__call__(request)

    kept = over_http(Looking(), Clock(), spool)
    kept.write(agent())
    assert seen == [True]
    assert spool.read_bytes() == b""


def test_what_an_earlier_try_left_is_written_first(tmp_path: Path) -> None:
    api, clock = Api(), Clock()
    api.status = 503
    first = over_http(api, clock, tmp_path / "spool")
    first.write(DecisionIntended("r", samples.step(7)))
    first.write(DecisionCompleted("r", 7, None))
    api.status = 204
    second = over_http(api, clock, tmp_path / "spool")
    second.write(RunFinished("r", samples.outcome()))
    assert api.taken == ["7", "answer", "outcome"]
    assert second.pending == 0


def test_a_server_that_is_away_is_asked_once_per_pause(tmp_path: Path) -> None:
    api = Api()
    api.status = 503
    kept = over_http(api, Clock(), tmp_path / "spool")
    for _ in range(10):
        kept.write(agent())
    assert (api.calls, kept.pending) == (1, 10)


def test_what_cannot_be_written_by_the_end_stays_on_disk_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api, clock = Api(), Clock()
    api.status = 503
    kept = over_http(api, clock, tmp_path / "spool")
    kept.write(agent())
    kept.flush(last=True)
    assert 155 <= clock.now <= 170
    assert f"1 records of this run could not be written; they are kept in {tmp_path}" in caplog.text
    api.status = 204
    over_http(api, clock, tmp_path / "spool").flush()
    assert api.taken == ["agent"]


def test_a_try_that_was_replaced_does_not_wait_at_its_end(tmp_path: Path) -> None:
    api, clock = Api(), Clock()
    api.status = 403
    kept = over_http(api, clock, tmp_path / "spool")
    kept.write(agent())
    kept.flush(last=True)
    assert clock.now == 100.0
    assert kept.pending == 1


def test_a_record_that_is_no_request_is_told_of_and_blocks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api()
    kept = over_http(api, Clock(), tmp_path / "spool")
    kept.write(RunFinished("r", cast("Any", object())))
    kept.write(agent())
    assert api.taken == ["agent"]
    assert "A record of this run was not taken" in caplog.text


# At once


class Decided:
    """A history whose runs have a decision already."""

    def __init__(self, step: Step, status: DecisionStatus) -> None:
        self.row = DecisionRow(step, (), status, None)

    def intend(self, run_id: str, step: Step) -> bool:
        return False

    def decision(self, run_id: str, epoch: int) -> DecisionRow:
        return self.row


@pytest.mark.parametrize(
    ("status", "is_sent"),
    [
        (DecisionStatus.INTENDED, True),
        (DecisionStatus.UNANSWERED, True),
        (DecisionStatus.REFUSED, False),
        (DecisionStatus.ACCEPTED, False),
    ],
)
def test_a_decision_of_another_observer_is_sent_until_it_is_answered(
    status: DecisionStatus, is_sent: bool
) -> None:
    recorded, own = samples.step(2, executors=6), samples.step(2, executors=9)
    writer = ImmediateWriter(cast("History", Decided(recorded, status)))
    assert writer.intend("r", own) == (recorded if is_sent else None)


def test_a_record_at_once_that_is_not_taken_is_an_error() -> None:
    history = Away(failures=1)
    with pytest.raises(HistoryUnavailable):
        ImmediateWriter(cast("History", history)).write(agent())


def test_another_connection_takes_the_writes_that_follow() -> None:
    old, new = Away(), Away()
    writer = ImmediateWriter(cast("History", old))
    writer.reconnect(cast("History", new))
    writer.write(agent("h"))
    assert (old.written, new.written) == ([], ["h"])
