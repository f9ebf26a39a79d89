"""Chance of the simulator: drawn per run before it starts, so that every policy meets the same.

Common random numbers: what is drawn depends on seed, campaign, job and run, never on what a
policy does.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_enel.simulation.job import JobDescription, Phase
    from airflow_enel.simulation.mode import Mode

IO_CORRELATION: Final = 0.3
IO_LOG_SD: Final = 0.05
"""The cluster's I/O load from run to run: ``AR(1)`` of its logarithm."""

KILL_WINDOW_S: Final = 90.0
"""In a run with failures one executor is killed in each window, at a moment by chance."""

_KILLS: Final = 160  # four hours of windows; a run that takes longer meets no more
_STARTS: Final = 256  # executors asked for after the start; the draws repeat after them
_RESHUFFLES: Final = 64


@dataclass(frozen=True, slots=True)
class Kill:
    """One executor is killed.

    :param at_s: since the application's start
    :param victim: which of those that are there, as a share of them in 0…1
    :param stall_s: for how long the running component stands still
    """

    at_s: float
    victim: float
    stall_s: float


@dataclass(frozen=True, slots=True)
class RunNoise:
    """What chance does to one run.

    :param input_factor: size of its input
    :param component_factors: on the time of each component, input included
    :param block_counts: multiples of the block of each component, 0 without
    :param cache_factors: on the cache penalty of each component
    :param kills: by ascending moments, empty for a run without failures
    :param start_delays_s: of the executors asked for after the start, in the order of asking
    :param reshuffle_s: what each growth costs, in the order of growths
    """

    input_factor: float
    component_factors: tuple[float, ...]
    block_counts: tuple[int, ...]
    cache_factors: tuple[float, ...]
    kills: tuple[Kill, ...]
    start_delays_s: tuple[float, ...]
    reshuffle_s: tuple[float, ...]


def generator(seed: int, *where: str | int) -> np.random.Generator:
    """A generator of random numbers of its own for every place in a simulation.

    :param where: names and numbers of the place, such as campaign, job and run
    """
    key = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in where]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *key])))


def io_loads(seed: int, campaign: int, job: JobDescription, runs: int) -> tuple[float, ...]:
    """The factor of the cluster's I/O load on each run of a series."""
    shocks = generator(seed, "io", campaign, job.name).normal(size=runs)
    log_load = 0.0
    loads = []
    for index, shock in enumerate(shocks):
        scale = 1.0 if index == 0 else np.sqrt(1 - IO_CORRELATION**2)
        log_load = IO_CORRELATION * log_load + IO_LOG_SD * scale * shock
        loads.append(float(np.exp(log_load)))
    return tuple(loads)


def run_noise(
    seed: int,
    campaign: int,
    job: JobDescription,
    mode: Mode,
    run: int,
    io_load: float,
    *,
    failing: bool,
) -> RunNoise:
    """Draw what chance does to a run.

    :param run: its number in the series
    :param io_load: see `io_loads`
    :param failing: True if executors are killed in it
    """
    rng = generator(seed, "run", campaign, job.name, run)
    slow = job.slow_factor if rng.random() < job.slow_probability else 1.0
    input_factor = float(rng.choice(job.input_factors))
    components = job.components()
    of_run = rng.normal(size=2).tolist()  # of what computes and of what waits for files
    factors = [
        slow
        * (io_load if phase.io_bound else 1.0)
        * phase.factor(index, input_factor)
        * exp(phase.run_log_sd * of_run[phase.io_bound] + phase.log_sd * own)
        for (phase, index), own in zip(
            components, rng.normal(size=len(components)).tolist(), strict=True
        )
    ]
    phases = [phase for phase, _ in components]
    return RunNoise(
        input_factor=input_factor,
        component_factors=tuple(factors),
        block_counts=tuple(_blocks(rng, phases)),
        cache_factors=tuple(_cache_factors(rng, phases)),
        kills=_kills(generator(seed, "kills", campaign, job.name, run), job) if failing else (),
        start_delays_s=_floats(
            generator(seed, "starts", campaign, job.name, run).uniform(*mode.start_s, _STARTS)
        ),
        reshuffle_s=_floats(_reshuffles(seed, campaign, job, run)),
    )


def _blocks(rng: np.random.Generator, phases: Iterable[Phase]) -> Iterable[int]:
    for phase in phases:
        if phase.blocks is None:
            yield 0
        else:
            weights = np.asarray(phase.blocks.probabilities)
            drawn = rng.choice(weights.size, p=weights / weights.sum())
            yield phase.blocks.first + int(drawn)


def _cache_factors(rng: np.random.Generator, phases: Iterable[Phase]) -> Iterable[float]:
    for phase in phases:
        yield 1.0 if phase.cache is None else float(np.exp(phase.cache.log_sd * rng.normal()))


def _kills(rng: np.random.Generator, job: JobDescription) -> tuple[Kill, ...]:
    moments = (np.arange(_KILLS) + rng.random(_KILLS)) * KILL_WINDOW_S
    stalls = job.stall.median_s * np.exp(job.stall.log_sd * rng.normal(size=_KILLS))
    victims = rng.random(_KILLS)
    return tuple(Kill(*map(float, kill)) for kill in zip(moments, victims, stalls, strict=True))


def _reshuffles(
    seed: int, campaign: int, job: JobDescription, run: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = generator(seed, "reshuffles", campaign, job.name, run)
    costs: np.ndarray[tuple[int], np.dtype[np.float64]] = np.where(
        rng.random(_RESHUFFLES) < job.reshuffle.probability, job.reshuffle.seconds, 0.0
    )
    return costs


def _floats(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, ...]:
    return tuple(values.tolist())
