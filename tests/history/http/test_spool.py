"""The spool loses nothing, keeps the order, and outlives whoever wrote it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from airflow_enel.domain import AgentAddress, Component, RunKey, ScaleAnswer
from airflow_enel.history.http.capability import TaskIdentity
from airflow_enel.history.http.client import CallerRefused, HttpHistory, Requests
from airflow_enel.history.http.spool import Spool
from airflow_enel.history.interface import (
    HistoryError,
    HistoryRefused,
    HistoryUnavailable,
    Record,
    WriteRequest,
)
from airflow_enel.history.records import (
    AgentSaved,
    ComponentsSaved,
    DecisionCompleted,
    DecisionIntended,
    RunFinished,
    RunOpened,
)
from airflow_enel.history.wire import BriefStep, OpenedRun, decode
from tests.support.builders import samples

LOG = cast("Any", logging.getLogger("spool"))


class Server:
    """Takes writes, or not."""

    def __init__(self) -> None:
        self.away: Exception | None = None
        self.refuses: set[str] = set()
        self.taken: list[WriteRequest] = []

    def send(self, request: WriteRequest) -> None:
        if self.away is not None:
            raise self.away
        if request.path in self.refuses:
            raise HistoryRefused("422: no")
        self.taken.append(request)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.taken]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "spool.jsonl"


def keep(spool: Spool, *paths: str) -> None:
    for path in paths:
        spool.append(WriteRequest(path, b"{}"))


def test_writes_wait_on_disk_and_go_out_in_their_order(server: Server, file: Path) -> None:
    spool = Spool(file, server.send, LOG)
    server.away = HistoryUnavailable("no network")
    keep(spool, "/a", "/b")
    assert spool.replay() == spool.pending == 2
    server.away = None
    keep(spool, "/c")
    assert (spool.replay(), spool.pending) == (0, 0)
    assert server.paths == ["/a", "/b", "/c"]
    assert file.read_bytes() == b""


def test_only_its_owner_can_read_it(server: Server, file: Path) -> None:
    keep(Spool(file, server.send, LOG), "/a")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@given(st.text(max_size=9), st.binary(max_size=99).map(lambda b: b.hex().encode()))
def test_path_and_body_arrive_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, path: str, body: bytes
) -> None:
    server = Server()
    spool = Spool(tmp_path_factory.mktemp("s") / "spool", server.send, LOG)
    request = WriteRequest("/é\n" + path, b'{"a": "\xc3\xa9"}' + body)
    spool.append(request)
    spool.replay()
    assert server.taken == [request]


@pytest.mark.processes
def test_what_a_process_leaves_when_it_is_killed_the_next_one_sends(
    server: Server, file: Path
) -> None:
    script = (
        "import os, signal, sys, pathlib, logging\n"
        "from airflow_enel.history.interface import WriteRequest\n"
        "from airflow_enel.history.http.spool import Spool\n"
        "spool = Spool(pathlib.Path(sys.argv[1]), print, logging.getLogger())\n"
        "spool.append(WriteRequest('/a', b'1')); spool.append(WriteRequest('/b', b'2'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=False, timeout=60)
    assert Spool(file, server.send, LOG).replay() == 0
    assert server.taken == [WriteRequest("/a", b"1"), WriteRequest("/b", b"2")]


@pytest.mark.parametrize("torn", [b'{"pa', b'{"path": "/t", "body": 3}', b"[]", b"\xff"])
def test_a_line_whose_writer_died_costs_no_other(server: Server, file: Path, torn: bytes) -> None:
    keep(Spool(file, server.send, LOG), "/a")
    with file.open("ab") as end:
        end.write(torn)
    later = Spool(file, server.send, LOG)
    assert later.pending == 1
    keep(later, "/b")
    assert later.replay() == 0
    assert server.paths == ["/a", "/b"]


def test_a_mark_whose_writer_died_costs_no_line(server: Server, file: Path) -> None:
    file.write_bytes(b"0123")
    spool = Spool(file, server.send, LOG)
    assert spool.pending == 0
    keep(spool, "/a")
    spool.replay()
    assert server.paths == ["/a"]


@pytest.mark.parametrize("error", [HistoryRefused("422: no"), TypeError("a fault of ours")])
def test_what_is_refused_for_good_is_told_and_does_not_block_the_rest(
    server: Server, file: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def send(request: WriteRequest) -> None:
        if request.path == "/bad":
            raise error
        server.send(request)

    spool = Spool(file, send, LOG)
    keep(spool, "/bad", "/good")
    assert spool.replay() == 0
    assert server.paths == ["/good"]
    assert str(error) in caplog.text


def test_what_is_not_for_this_caller_to_send_stays_for_another(server: Server, file: Path) -> None:
    old, new = Spool(file, server.send, LOG), Spool(file, server.send, LOG)
    keep(old, "/a")
    server.away = CallerRefused("403: a later try has taken over")
    assert old.replay() == 1
    assert old.trouble is server.away
    server.away = None
    assert new.replay() == 0
    assert server.paths == ["/a"]


def test_what_is_added_while_a_write_is_on_its_way_is_not_emptied_with_it(
    server: Server, file: Path
) -> None:
    other = Spool(file, server.send, LOG)

    def send(request: WriteRequest) -> None:
        if request.path == "/a":
            other.replay()  # empties the file, and begins it anew with as many bytes
            keep(other, "/b")
        server.send(request)

    spool = Spool(file, send, LOG)
    keep(spool, "/a")
    spool.replay()
    assert "/b" in server.paths


def test_without_its_folder_it_keeps_writes_in_memory(server: Server, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gone" / "spool", server.send, LOG)
    keep(spool, "/a", "/b")
    assert spool.pending == 2
    assert spool.replay() == 0
    assert server.paths == ["/a", "/b"]


def test_on_a_full_disk_it_keeps_writes_in_memory_and_none_overtakes_them(
    server: Server, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, whole = Spool(file, server.send, LOG), os.write
    keep(spool, "/a")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda to, data: whole(to, data[: len(data) // 2]))
        keep(spool, "/b")
    keep(spool, "/c")
    assert spool.pending == 3
    assert spool.replay() == 0
    assert server.paths == ["/a", "/b", "/c"]


KEY = RunKey("sales", "sample-0", "spark", -1, 1)
RECORDS: tuple[Record, ...] = (
    RunOpened(replace(samples.run(), key=KEY), "token"),
    AgentSaved(KEY.id, AgentAddress("host", 1)),
    ComponentsSaved(KEY.id, (samples.component(),)),
    DecisionIntended(KEY.id, samples.step(3)),
    DecisionCompleted(KEY.id, 3, ScaleAnswer(True, 2, "")),
    RunFinished(KEY.id, samples.outcome()),
)
RECORDED = Path(__file__).with_name("spool.jsonl")
"""What the first release that had a spool left for these records."""

by_type = pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)


@by_type
def test_a_record_that_was_spooled_is_the_same_request_as_one_that_is_sent_at_once(
    file: Path, record: Record
) -> None:
    requests: list[tuple[str, str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append((request.method, request.url.path, request.content))
        return httpx.Response(200, json={"new": True})

    task = TaskIdentity("dag", "run", "task", -1, 1)
    with HttpHistory(
        Requests("http://a", "t", task, transport=httpx.MockTransport(answer))
    ) as history:
        queue = history.write_queue(file, LOG)
        queue.add(record)
        assert requests == []
        queue.replay()
        record.apply(history)
    assert requests[0] == requests[1]


def test_components_are_sent_in_parts_that_a_request_can_hold() -> None:
    components = tuple(map(samples.component, range(201)))
    bodies = [r.body for r in ComponentsSaved("r", components).requests()]
    parts = [decode(tuple[Component, ...], body) for body in bodies]
    assert [len(part) for part in parts] == [200, 1]
    assert sum(parts, ()) == components


def test_an_earlier_release_reads_what_this_one_spools(server: Server, file: Path) -> None:
    spool = Spool(file, server.send, LOG)
    for record in RECORDS:
        spool.add(record)
    assert file.read_bytes().splitlines()[1:] == RECORDED.read_bytes().splitlines()[1:]


def test_what_an_earlier_release_spooled_is_sent(server: Server, file: Path) -> None:
    shutil.copy(RECORDED, file)
    assert Spool(file, server.send, LOG).replay() == 0
    assert server.taken == [request for record in RECORDS for request in record.requests()]


def test_decisions_that_were_spooled_without_task_slots_are_read() -> None:
    bodies = [json.loads(line)["body"] for line in RECORDED.read_text().splitlines()[1:]]
    (body,) = (body for body in bodies if '"slots"' in body)
    before = body.replace(',"slots":0,"initial":0', "")
    assert before != body
    assert decode(BriefStep, before.encode()) == decode(BriefStep, body.encode())


def test_decisions_that_were_spooled_without_an_expected_end_are_read() -> None:
    bodies = [json.loads(line)["body"] for line in RECORDED.read_text().splitlines()[1:]]
    (body,) = (body for body in bodies if '"slots"' in body)
    before = body.replace(',"expected_s":null', "")
    assert before != body
    assert decode(BriefStep, before.encode()) == decode(BriefStep, body.encode())


def test_components_that_were_spooled_without_their_input_are_read() -> None:
    bodies = [json.loads(line)["body"] for line in RECORDED.read_text().splitlines()[1:]]
    (body,) = (body for body in bodies if '"stages"' in body)
    before = body.replace(f',"input_bytes":{2**40}}}]', "}]")
    assert before != body
    read = decode(tuple[Component, ...], before.encode())
    assert read == (replace(samples.component(), input_bytes=0),)


@pytest.mark.parametrize("status", [401, 403, 422, 503])
def test_a_spooled_write_is_sent_once_and_its_refusal_told_apart(status: int) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json={"detail": "no"})

    task = TaskIdentity("dag", "run", "task", -1, 1)
    history = HttpHistory(Requests("http://a", "t", task, transport=httpx.MockTransport(answer)))
    with history, pytest.raises(HistoryError) as caught:
        history.send_once(WriteRequest("/runs/r", b"{}"))
    assert len(asked) == 1
    assert isinstance(caught.value, CallerRefused) == (status in (401, 403))
    assert isinstance(caught.value, HistoryUnavailable) == (status == 503)


class Processes(RuleBasedStateMachine):
    """Two processes with one file, of which either may die at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=os.environ["AIRFLOW_HOME"]))
        self.server = Server()
        self.kept: list[str] = []
        self.spools = [self.spool(), self.spool()]

    def spool(self) -> Spool:
        return Spool(self.folder / "spool", self.server.send, LOG)

    @rule(which=st.integers(0, 1))
    def add(self, which: int) -> None:
        path = f"/{len(self.kept)}"
        self.kept.append(path)
        keep(self.spools[which], path)

    @rule(which=st.integers(0, 1), until=st.integers(0, 4))
    def replay(self, which: int, until: int) -> None:
        def send(request: WriteRequest) -> None:
            if len(self.server.taken) - before >= until:
                raise HistoryUnavailable("away")
            self.server.send(request)

        before = len(self.server.taken)
        spool = self.spools[which]
        spool._send = send
        spool.replay()

    @rule(which=st.integers(0, 1))
    def die(self, which: int) -> None:
        self.spools[which] = self.spool()

    @invariant()
    def nothing_is_lost(self) -> None:
        left, file, copy = Server(), self.folder / "spool", self.folder / "copy"
        copy.write_bytes(file.read_bytes() if file.exists() else b"")
        Spool(copy, left.send, LOG).replay()
        assert {*self.server.paths, *left.paths} == set(self.kept)

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


test_two_processes_that_die_at_any_moment_lose_nothing = Processes.TestCase


def test_runs_that_were_spooled_without_the_source_of_their_target_are_read() -> None:
    bodies = [json.loads(line)["body"] for line in RECORDED.read_text().splitlines()[1:]]
    (body,) = (body for body in bodies if '"target_source"' in body)
    before = body.replace(',"target_source":null,"deadline_at":null,"risk":null', "")
    assert before != body
    assert decode(OpenedRun, before.encode()) == decode(OpenedRun, body.encode())
