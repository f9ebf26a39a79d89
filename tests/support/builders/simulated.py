"""Simulated runs for tests: small jobs, chance that is chosen, and one run of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_enel.control.outcome import outcome
from airflow_enel.domain import Bounds, PastRun, Run, RunKey, RunState, Snapshot
from airflow_enel.simulation.application import Application, Controller
from airflow_enel.simulation.controllers import FixedSchedule
from airflow_enel.simulation.job import CachePenalty, JobDescription, Phase
from airflow_enel.simulation.mode import MODES, Mode
from airflow_enel.simulation.noise import Kill, RunNoise, run_noise
from airflow_enel.simulation.protocol import Protocol

ELASTIC = MODES["elastic"]

LOOP = JobDescription(
    name="loop",
    target_s=300.0,
    phases=(
        Phase("load", fixed_s=20.0, io_bound=True),
        Phase("iteration", count=4, parallel_s=120.0, per_executor_s=0.1, cached=True),
        Phase("save", fixed_s=10.0),
    ),
)
"""20 s, four times 120/s + 0.1·s, 10 s."""

CACHED = replace(
    LOOP,
    name="cached",
    phases=(
        Phase("load", fixed_s=20.0),
        Phase(
            "iteration",
            count=4,
            parallel_s=120.0,
            cached=True,
            cache=CachePenalty(executors=10.0, seconds=100.0),
        ),
    ),
)
"""Its cache needs ten executors."""

SHORT = Protocol(runs=14, profiling=4, failing=((8, 9),), bounds=Bounds(2, 12))


def quiet(
    job: JobDescription, mode: Mode = ELASTIC, *, kills: Sequence[Kill] = (), start_s: float = 20.0
) -> RunNoise:
    """Chance that changes nothing, but for the executors that it kills."""
    count = len(job.components())
    blocks = tuple(p.blocks.first if p.blocks else 0 for p, _ in job.components())
    factors = tuple(phase.factor(index, 1.0) for phase, index in job.components())
    return RunNoise(1.0, factors, blocks, (1.0,) * count, tuple(kills), (start_s,), (50.0,))


def noisy(job: JobDescription, run: int = 1, *, failing: bool = False) -> RunNoise:
    return run_noise(7, 0, job, ELASTIC, run, 1.0, failing=failing)


def application(
    job: JobDescription, noise: RunNoise | None = None, mode: Mode = ELASTIC
) -> Application:
    return Application(job, mode, noise or quiet(job, mode), app_id="app-1", started_at=86_400.0)


def simulated(
    job: JobDescription,
    controller: Controller,
    noise: RunNoise | None = None,
    mode: Mode = ELASTIC,
) -> Snapshot:
    return application(job, noise, mode).run(controller)


def past_run_of(
    job: JobDescription,
    sizes: Sequence[int],
    number: int,
    mode: Mode = ELASTIC,
    *,
    failing: bool = False,
) -> PastRun:
    """A run with chance, its components at the sizes; in a failing one executors are killed."""
    noise = run_noise(7, 0, job, mode, number, 1.0, failing=failing)
    started_at = 86_400.0 * number
    app = Application(job, mode, noise, app_id=f"app-{number}", started_at=started_at)
    snapshot = app.run(FixedSchedule(sizes))
    ended = outcome(snapshot, 0, job.target_s, RunState.SUCCEEDED)
    key = RunKey("simulation", f"run-{number:03}", job.name, -1, 1)
    initial = snapshot.initial_executors or sizes[0]
    run = Run(key, job.name, job.name, "plan", Bounds(1, 40), None, initial, started_at)
    return PastRun.of(run, ended, snapshot.finished_components, snapshot.requests)
