"""Policies that only the simulator needs, to compare others with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.control.policies import Policy, find_policy
from airflow_enel.control.policies.ellis import ELLIS
from airflow_enel.domain import Proposal
from airflow_enel.predict.curves.bell import Bell

if TYPE_CHECKING:
    from airflow_enel.control.policies import PolicyContext, StartContext

RISK: Final = 0.1
"""Probability to miss that ``risk-static`` accepts."""


def _largest(context: PolicyContext) -> Proposal:
    return Proposal(context.bounds.maximum, "always the largest size")


def _risk_static(context: PolicyContext) -> Proposal:
    """The smallest size that misses with probability `RISK` at most, by a bootstrap of history.

    The past runs' total runtimes are what Bell's curve says of their size, times a residual;
    every residual is as likely at every size.
    """
    if context.start is None:
        return Proposal(context.progress.requested, "chosen once, before the start")
    if not context.start.past_runs:
        return Proposal(context.bounds.maximum, "nothing is known yet, so the largest size")
    sizes = context.bounds.candidates
    predicted_s, risks = _predicted(context.start, sizes, context.time_left_s)
    safe = [size for size, risk in zip(sizes, risks, strict=True) if risk <= RISK]
    if safe:
        return Proposal(min(safe), f"the smallest that misses with at most {RISK:.0%}")
    safest = min(zip(risks, predicted_s, sizes, strict=True))
    return Proposal(safest[-1], "the least likely to miss, the fastest of equals")


def _predicted(
    start: StartContext, sizes: tuple[int, ...], target_s: float
) -> tuple[list[float], list[float]]:
    """Seconds and probability to miss, of each size."""
    executors = np.array([run.mean_executors for run in start.past_runs])
    runtime_s = np.array([run.runtime_s for run in start.past_runs])
    curve = Bell().fit(executors, runtime_s)
    residuals = runtime_s / curve.predict(executors)
    predicted_s = curve.predict(np.array(sizes, dtype=np.float64))
    risks = (predicted_s[:, None] * residuals > target_s).mean(axis=1)
    return predicted_s.tolist(), risks.tolist()


def _ellis_published(context: PolicyContext) -> Proposal:
    """Ellis with the fault of its published version: it asks for the size that it has.

    It decides on a new size, and sends the number from before the decision.
    """
    if context.start is None:
        return Proposal(context.progress.requested, "the published version asks for the old size")
    return ELLIS.propose(context)


BASELINES: Final[dict[str, Policy]] = {
    "static-maximum": Policy("static-maximum", _largest, rescales=False),
    "risk-static": Policy("risk-static", _risk_static, rescales=False),
    "ellis-published": Policy("ellis-published", _ellis_published, forecaster="ellis"),
}

DYNAMIC_ALLOCATION: Final = "spark-dynamic-allocation"
ORACLE: Final = "oracle"
"""Names of what is no policy: one is Spark's own, the other knows what will come."""


def is_policy(name: str) -> bool:
    """False for what the simulator has besides policies."""
    return name not in (DYNAMIC_ALLOCATION, ORACLE)


def find_simulated_policy(name: str) -> Policy:
    """A policy of the simulator or one of production, by its name.

    :raises ValueError: if there is none; names those that there are
    """
    if name in BASELINES:
        return BASELINES[name]
    try:
        return find_policy(name)
    except ValueError as error:
        raise ValueError(
            f"{error}; the simulator also has {', '.join(simulator_names())}"
        ) from None


def simulator_names() -> tuple[str, ...]:
    """Names of what only the simulator has."""
    return (*BASELINES, DYNAMIC_ALLOCATION, ORACLE)
