"""Fits a job description to recorded runs, so that users can simulate a recurring job of theirs."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.simulation.component_curve import SMALLEST_S
from airflow_enel.simulation.component_times import ComponentTimes, in_order
from airflow_enel.simulation.fitted_curves import FittedComponents, fit_components
from airflow_enel.simulation.job import CachePenalty, JobDescription, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import PastRun

TAIL: Final = "after the last component"
"""Name of the phase for the time in which no Spark job runs any more."""

_USUAL: Final = 0.5
_NOTABLE_TAIL: Final = 0.01
_MOST_INPUTS: Final = 12
_DIGITS: Final = 4
_CORES: Final = 4
_INPUT_MIB: Final = 10_240


def fit_job(past_runs: Sequence[PastRun], name: str, target_s: float) -> JobDescription:
    """Describe a job by its runs.

    Components that at least half of the runs had are in it, in their usual order; those with the
    same key that follow each other are one phase. What is not in the history is as by default:
    which components wait for files, which read cached data, stalls.

    :param past_runs: at least one with components, see `replay.usable_runs`
    """
    runs = [run for run in in_order(past_runs) if run.components]
    times = ComponentTimes.of(runs)
    fitted = fit_components(times)
    share = (~np.isnan(times.seconds)).mean(axis=0)
    usual = [column for column in times.order.tolist() if share[column] >= _USUAL]
    groups = groupby(usual or times.order.tolist(), key=lambda column: int(times.key[column]))
    phases = [_phase(times.keys[key], key, list(columns), fitted) for key, columns in groups]
    input_mib, input_factors = _inputs(runs, fitted)
    slow = fitted.slow_factors
    return JobDescription(
        name=name,
        target_s=target_s,
        phases=(*phases, *_tail(runs)),
        slow_probability=_rounded(slow.size / len(runs)),
        slow_factor=_rounded(float(np.median(slow))) if slow.size else 2.0,
        input_mib=input_mib,
        input_factors=input_factors,
        executor_cores=_executor_cores(runs),
    )


def _phase(name: str, key: int, columns: Sequence[int], fitted: FittedComponents) -> Phase:
    """The phase of components with one key that follow each other."""
    curve = fitted.curves[key]
    assert curve is not None  # noqa: S101 - every component has been seen
    levels = np.exp(fitted.log_levels[columns])
    middle = float(np.exp(np.mean(fitted.log_levels[columns])))
    factors = tuple(_rounded(level / middle) for level in levels.tolist())
    own_log_sd = _rounded(float(fitted.own_log_sd[key]))
    cache_s = _rounded(curve.cache_s * middle)
    cache = CachePenalty(curve.cache_executors, cache_s, own_log_sd) if cache_s else None
    fixed_s, parallel_s, per_executor_s = (
        _rounded(seconds * middle)
        for seconds in (curve.fixed_s, curve.parallel_s, curve.per_executor_s)
    )
    return Phase(
        name=name or "component",
        count=len(columns),
        fixed_s=fixed_s if fixed_s or parallel_s or per_executor_s else SMALLEST_S,
        parallel_s=parallel_s,
        per_executor_s=per_executor_s,
        factors=factors if len(set(factors)) > 1 else (1.0,),
        run_log_sd=_rounded(fitted.run_log_sd),
        log_sd=own_log_sd,
        cached=cache is not None,
        cache=cache,
        input_elasticity=_rounded(float(fitted.input_elasticities[key])),
    )


def _tail(runs: Sequence[PastRun]) -> tuple[Phase, ...]:
    """The time after the last component, if there is any to speak of."""
    tails = [run.runtime_s - sum(c.added_s or 0.0 for c in run.components) for run in runs]
    tail_s = float(np.median(tails))
    if tail_s < _NOTABLE_TAIL * float(np.median([run.runtime_s for run in runs])):
        return ()
    return (Phase(TAIL, fixed_s=_rounded(tail_s), input_elasticity=0.0),)


def _inputs(runs: Sequence[PastRun], fitted: FittedComponents) -> tuple[int, tuple[float, ...]]:
    """The median size of the input, and the sizes by it if they make a difference."""
    found = [run.context.get("input_mib") for run in runs]
    sizes = [float(v) for v in found if isinstance(v, int | float) and v > 0]
    if not sizes:
        return _INPUT_MIB, (1.0,)
    middle = float(np.median(sizes))
    input_mib = max(round(middle), 1)
    if not fitted.input_elasticities.any():
        return input_mib, (1.0,)
    # The simulator draws each with the same probability: the middles of equal parts of the runs.
    parts = min(len(sizes), _MOST_INPUTS)
    chosen = np.quantile(sizes, (np.arange(parts) + 0.5) / parts)
    return input_mib, tuple(_rounded(size / middle) for size in chosen.tolist())


def _executor_cores(runs: Sequence[PastRun]) -> int:
    """What most runs had."""
    found = [run.context.get("executor_cores") for run in runs]
    cores = Counter(v for v in found if isinstance(v, int) and v > 0)
    return cores.most_common(1)[0][0] if cores else _CORES


def _rounded(value: float) -> float:
    """As people write it; nobody believes more digits."""
    return float(f"{value:.{_DIGITS}g}")
