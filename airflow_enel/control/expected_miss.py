"""Finds runs that will miss their target at the largest size that they can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards.capacity import unmet_growth
from airflow_enel.domain import ExpectedMiss
from airflow_enel.predict.plant import USUAL_DELAY_S

if TYPE_CHECKING:
    from airflow_enel.control.decide import Assessment
    from airflow_enel.control.guards import Limits
    from airflow_enel.domain import Progress, RunKey

DEFAULT_THRESHOLD: Final = 0.5
"""Probability to miss above which people are told."""


def expected_miss(
    run: RunKey,
    assessment: Assessment,
    threshold: float = DEFAULT_THRESHOLD,
    *,
    largest_is_known: bool = True,
) -> ExpectedMiss | None:
    """What to tell of a run that is likelier to miss its target than the threshold.

    The size is the largest that is allowed, or what came where that was asked for in vain. Of a
    run whose time is up nothing more need be known. While executors of the start are on their way
    nothing is said of one that has time left: forecasts take them for a growth then. Nor of one
    whose policy has a plan that it expects to be in time.

    :param largest_is_known: True if past runs allow to rely on forecasts for the largest size
    :return: None if it is not, or nothing is known of it
    """
    progress, config = assessment.progress, assessment.config
    if config.target_s is None:
        return None
    size = config.bounds.maximum
    unmet = unmet_growth(progress, assessment.now, config.policy.limits, USUAL_DELAY_S)
    if unmet is not None:
        size = config.bounds.clamp(unmet.came)
    left_s = config.target_s - progress.elapsed_s
    if left_s >= 0 and _is_starting(progress, config.policy.limits):
        return None
    forecast = assessment.forecast if largest_is_known else None
    if forecast is not None and size in forecast.executors:
        probability = forecast.miss_probability(size, left_s)
        lateness_s = forecast.lateness(size, left_s)
        if unmet is None and probability > threshold and assessment.planned_miss is not None:
            probability = min(probability, assessment.planned_miss)
    else:
        probability, lateness_s = float(left_s < 0), max(-left_s, 0.0)
    if probability <= threshold:
        return None
    return ExpectedMiss(run, probability, lateness_s, config.target_s, progress.elapsed_s, size)


def _is_starting(progress: Progress, limits: Limits) -> bool:
    """True until all executors of the start have registered or the first component has finished.

    Not for longer than executors count as on their way.
    """
    missing = not progress.finished and progress.executors < progress.initial
    return missing and progress.elapsed_s < limits.patience_s
