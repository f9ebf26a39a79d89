"""Finds runs that will miss their target at the largest size that they can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards.capacity import unmet_growth
from airflow_enel.domain import ExpectedMiss
from airflow_enel.predict.plant import USUAL_DELAY_S

if TYPE_CHECKING:
    from airflow_enel.control.decide import Assessment
    from airflow_enel.domain import RunKey

DEFAULT_THRESHOLD: Final = 0.5
"""Probability to miss above which people are told."""


def expected_miss(
    run: RunKey, assessment: Assessment, threshold: float = DEFAULT_THRESHOLD
) -> ExpectedMiss | None:
    """What to tell of a run that is likelier to miss its target than the threshold.

    The size is the largest that is allowed, or what came where that was asked for in vain.

    :return: None if it is not, or nothing is known of it
    """
    progress, config, forecast = assessment.progress, assessment.config, assessment.forecast
    if config.target_s is None or forecast is None:
        return None
    size = config.bounds.maximum
    unmet = unmet_growth(progress, assessment.now, config.policy.limits, USUAL_DELAY_S)
    if unmet is not None:
        size = config.bounds.clamp(unmet.came)
    if size not in forecast.executors:
        return None
    left_s = config.target_s - progress.elapsed_s
    probability = forecast.miss_probability(size, left_s)
    if probability <= threshold:
        return None
    lateness_s = forecast.lateness(size, left_s)
    return ExpectedMiss(run, probability, lateness_s, config.target_s, progress.elapsed_s, size)
