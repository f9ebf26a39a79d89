"""What trusting the network can cost, and what late trust loses: many simulated jobs.

Residuals of the prior and corrections of the network are drawn; the gates are those of use. A
job's gate begins after a few runs, which say how large corrections are, and then decides on each
run before it is judged by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from airflow_enel.predict.enel.gate import (
    LOSS_FROM_START,
    LOSS_OF_STRETCH,
    START,
    JudgedForecasts,
    judge_job,
    starting,
)
from airflow_enel.predict.samples import FloatArray
from benchmarks.figures import Figure

JOBS = 400
RUNS = 60
SIZED_BY = 4
"""Runs whose corrections say the limit of a gate."""
SEED = 5
NOISE = 0.1
"""Of the runs, as a standard deviation of log seconds: no forecast can know it."""
EFFECT = 0.15
"""Of what the prior does not see."""
WIDE_OPEN = 0.9

Network = Callable[[FloatArray, np.random.Generator], FloatArray]


def measure() -> Iterable[Figure]:
    """Excess of the mean |log error| over the prior's, summed over runs, in limits of the gate."""
    for name, network in NETWORKS.items():
        jobs = [_Job(network, np.random.default_rng((SEED, number))) for number in range(JOBS)]
        from_start = [max(0.0, job.excess.cumsum().max()) for job in jobs]
        yield _quantile(f"{name}: excess of all runs", from_start, LOSS_FROM_START)
        stretches = [_worst_stretch(job.excess) for job in jobs]
        yield _quantile(f"{name}: excess of the worst stretch", stretches, LOSS_OF_STRETCH)
        yield Figure.of(
            f"{name}: share of the correction, last run", "", [j.share[-1] for j in jobs]
        )
        if name == "useless":
            ever = float(np.mean([job.share.max() >= WIDE_OPEN for job in jobs]))
            bound = (1.0 - WIDE_OPEN) / (1.0 - START)
            what = f"{name}: jobs whose share ever reaches {WIDE_OPEN}"
            yield Figure(what, "", ever, ever, ever, JOBS, f"≤ {bound:.2f}")
        if name == "helpful":
            for runs in (8, 16, RUNS):
                kept = np.sum([job.excess[:runs].sum() for job in jobs])
                part = float(kept / np.sum([job.whole[:runs].sum() for job in jobs]))
                what = f"{name}: part of the whole gain that {runs} runs have"
                yield Figure(what, "", part, part, part, JOBS)
    yield from _adversary()


def _useless(effect: FloatArray, chance: np.random.Generator) -> FloatArray:
    return chance.normal(0.0, EFFECT, effect.size)


def _harmful(effect: FloatArray, chance: np.random.Generator) -> FloatArray:
    return -0.5 * effect + chance.normal(0.0, 0.05, effect.size)


def _helpful(effect: FloatArray, chance: np.random.Generator) -> FloatArray:
    return effect + chance.normal(0.0, 0.05, effect.size)


def _drifting(effect: FloatArray, chance: np.random.Generator) -> FloatArray:
    helps = np.arange(effect.size) < SIZED_BY + RUNS // 2
    return np.where(helps, _helpful(effect, chance), _harmful(effect, chance))


NETWORKS: dict[str, Network] = {
    "useless": _useless,
    "harmful": _harmful,
    "drifting": _drifting,
    "helpful": _helpful,
}
"""Drifting helps for half of the runs and harms from then on."""


class _Job:
    """A job's runs, forecast one after the other.

    :ivar excess: |log error| beyond the prior's, in limits, ``(RUNS,)``
    :ivar whole: the same of the whole correction, ``(RUNS,)``
    :ivar share: of the correction that was applied, ``(RUNS,)``
    """

    def __init__(self, network: Network, chance: np.random.Generator) -> None:
        effect = chance.normal(0.0, EFFECT, SIZED_BY + RUNS)
        residual = effect + chance.normal(0.0, NOISE, effect.size)
        correction = network(effect, chance)
        gate = starting(float(np.abs(correction[:SIZED_BY]).max()))
        excess, share = [], []
        for r, c in zip(residual[SIZED_BY:], correction[SIZED_BY:], strict=True):
            share.append(gate.share)
            excess.append(abs(r - float(gate.applied(np.array([c]))[0])) - abs(r))
            gate = judge_job(gate, _judged(r, c))
        residual, correction = residual[SIZED_BY:], correction[SIZED_BY:]
        self.excess, self.share = np.array(excess) / gate.limit, np.array(share)
        self.whole = (np.abs(residual - correction) - np.abs(residual)) / gate.limit


def _adversary() -> Iterable[Figure]:
    """Wins while the gate is nearly closed and loses once it is open, for ever."""
    worst: list[float] = []
    for opens in np.linspace(0.05, 0.95, 19):
        gate, excess = starting(1.0), []
        for _ in range(20 * RUNS):
            residual = 1.0 if gate.share < opens else -1.0
            excess.append(abs(residual - float(gate.applied(np.ones(1))[0])) - 1.0)
            gate = judge_job(gate, _judged(residual, 1.0))
        worst.append(max(0.0, np.cumsum(excess).max()))
    yield _quantile("adversary: excess of all runs", worst, LOSS_FROM_START)


def _judged(residual: float, correction: float) -> JudgedForecasts:
    zero = np.zeros(1)
    return JudgedForecasts(zero, zero, np.array([residual]), np.array([correction]))


def _worst_stretch(excess: FloatArray) -> float:
    sums = np.concatenate([[0.0], np.cumsum(excess)])
    return float((sums - np.minimum.accumulate(sums)).max())


def _quantile(name: str, values: list[float], bound: float) -> Figure:
    """The 99 % quantile; the range is that of all jobs."""
    high = float(np.quantile(values, 0.99))
    aim = f"max ≤ {bound:.2f}"
    return Figure(f"{name}, 99 %", "limits", high, min(values), max(values), len(values), aim)
