# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""What is lost when the API server is away in the middle of a run: nothing.

A real server in front of a real metadata DB is killed and comes back. Of the applications only the
agent is real in what it says: a script of events that come by the clock, so that ten runs fit side
by side. In every other run the watching task is killed as well while the server is away, and a
second try takes over when it is back.

ENEL_OUTAGE_RUNS, ENEL_OUTAGE_SECONDS and ENEL_OUTAGE_SEED change the number of runs (20), the
seconds without a server (60) and the seed.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_enel.domain import Bounds, Run, RunKey
from airflow_enel.execution.result_reporter import MODULE as REPORTER
from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder
from benchmarks.figures import Figure
from benchmarks.robustness.forked import Children, Life, pause, side_by_side, until
from benchmarks.robustness.scripted_agent import EXECUTORS, Script
from tests.support.airflow.scratch import (
    HOST,
    Gaps,
    ScratchAirflow,
    TaskStore,
    end_all_of,
    free_port,
    gaps_of,
    listens,
)
from tests.support.airflow.task_instances import begin_try

RUNS = int(os.environ.get("ENEL_OUTAGE_RUNS", "20"))
AWAY_S = float(os.environ.get("ENEL_OUTAGE_SECONDS", "60"))
SEED = int(os.environ.get("ENEL_OUTAGE_SEED", "1"))
AT_ONCE = 10
COMPONENTS = 24
_BEFORE_S = _AFTER_S = 5.0 + AWAY_S / 6
_PATIENCE_S = 180.0
_POLL_S = 0.5
_TOKEN = "token"  # noqa: S105 - of a server on this machine that has nothing to hide


def measure() -> Iterable[Figure]:
    """Count over all runs; the numbers of the figures are per run."""
    with tempfile.TemporaryDirectory(prefix="enel-outage-") as folder:
        airflow = ScratchAirflow(Path(folder))
        try:
            with Children() as children:
                found = list(_run_all(airflow, children))
            if not all(f.decisions for f in found):
                raise RuntimeError("there was nothing to lose: a run went without decisions")
        finally:
            end_all_of(Path(folder))
    name = f"API server away for {AWAY_S:.0f} s:"
    yield Figure.of(f"{name} components lost", "per run", [f.components_lost for f in found], "= 0")
    yield Figure.of(f"{name} decisions lost", "per run", [f.decisions_lost for f in found], "= 0")
    yield Figure.of(f"{name} doubled", "per run", [f.doubled for f in found], "= 0")
    yield Figure.of(f"{name} decisions in all", "per run", [f.decisions for f in found])


def _run_all(airflow: ScratchAirflow, children: Children) -> Iterable[Gaps]:
    chance = random.Random(SEED)  # noqa: S311 - when, not who
    outages = [Outage(number, airflow, children, chance.random()) for number in range(RUNS)]
    for done, found in enumerate(side_by_side([o.life() for o in outages], AT_ONCE), start=1):
        print(f"{done} of {RUNS}: {found}", file=sys.stderr, flush=True)
        yield found


class Outage:
    """One run, its server and its agent.

    :param when: a share of the time before the outage, which comes so much earlier
    """

    def __init__(
        self, number: int, airflow: ScratchAirflow, children: Children, when: float
    ) -> None:
        self._airflow = airflow
        self._children = children
        self._away_after_s = _BEFORE_S * (1 - when / 2)
        self._with_kill = number % 2 == 1
        self._port = free_port()
        key = RunKey("outage", f"run-{number}", "job", -1, 1)
        self._run = Run(
            key, "job", "scripted", "ellis", Bounds(1, 4), 600.0, EXECUTORS, time.time()
        )
        self._place = airflow.path / f"run-{number}"
        self._folder = RunFolder.of(key.id, airflow.path / "work")

    def life(self) -> Life[Gaps]:
        """From the start of the server to what is found in the end."""
        self._place.mkdir()
        self._airflow.add_task(self._run.key)
        server = yield from self._serve()
        self._start_application()
        watcher = self._watch(1)
        yield from pause(self._away_after_s)
        self._children.kill(server)
        yield from pause(AWAY_S / 2)
        if self._with_kill:
            self._children.kill(watcher)
        yield from pause(AWAY_S / 2)
        server = yield from self._serve()
        if self._with_kill:
            begin_try(self._run.key.run_id, 2)
            watcher = self._watch(2)
        yield from self._until(lambda: self._children.code(watcher) is not None)
        self._children.kill(server)
        if self._children.code(watcher) != 0:
            raise RuntimeError(f"the watch of {self._run.key.run_id} failed: {self._log()}")
        return self._found()

    def _serve(self) -> Life[int]:
        pid = self._children.start(lambda: self._airflow.serve(self._port), self._place / "api")
        yield from self._until(lambda: listens(self._port))
        return pid

    def _start_application(self) -> None:
        self._folder.make()
        end = self._place / "end"
        wait = f"while [ ! -e {end} ]; do sleep 0.2; done"
        ClientDriver.start(self._folder, REPORTER, ["/bin/sh", "-c", wait], dict(os.environ))
        script = Script(COMPONENTS, (_BEFORE_S + AWAY_S + _AFTER_S) / COMPONENTS)
        self._children.start(
            lambda: script.play(self._folder, self._place), self._place / "agent.log"
        )

    def _watch(self, number: int) -> int:
        return self._children.start(
            lambda: _watch(self._run, number, self._port, self._folder), self._place / "watch"
        )

    def _until(self, condition: Callable[[], object]) -> Life[None]:
        try:
            yield from until(condition, AWAY_S + _PATIENCE_S)
        except TimeoutError:
            name = self._run.key.run_id
            raise TimeoutError(f"{name} does not go on: {self._log()}") from None

    def _log(self) -> str:
        with suppress(OSError):
            return (self._place / "watch").read_text()[-2000:]
        return "nothing was written"

    def _found(self) -> Gaps:
        truth = AgentReader().read_final(self._place / "truth.json")
        if truth is None or len(truth.finished_components) != COMPONENTS:
            raise RuntimeError("the script did not come to its end")
        return gaps_of(self._run.key.id, truth)


def _watch(run: Run, number: int, port: int, folder: RunFolder) -> None:
    import logging
    from typing import cast

    from airflow_enel.execution.driver_loop import DriverLoop
    from airflow_enel.execution.history_writer import BufferedWriter
    from airflow_enel.execution.scaling_config import NO_PAST, monitored_run
    from airflow_enel.history.http.capability import TaskIdentity, mint
    from airflow_enel.history.http.client import HttpHistory, Requests
    from airflow_enel.history.records import RunOpened

    key, log = run.key, cast("Any", logging.getLogger("watch"))
    task = TaskIdentity(key.dag_id, key.run_id, key.task_id, key.map_index, number)
    store = TaskStore(port, task)
    with HttpHistory(Requests(f"http://{HOST}:{port}", mint(store, number), task)) as history:
        writer = BufferedWriter(history, log, spool=folder.path / "spool.jsonl")
        writer.write(RunOpened(run, _TOKEN))
        DriverLoop(
            monitored_run(run, NO_PAST, 1),
            _TOKEN,
            ClientDriver(folder, REPORTER),
            *(writer, log),
            on_output=lambda _: None,
            poll_interval_s=_POLL_S,
        ).run_to_end()
        if writer.pending:
            raise RuntimeError(f"{writer.pending} records were not written")
