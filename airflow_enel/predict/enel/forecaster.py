"""Forecaster ``enel``: the Gaussian prior times the network's correction, weighted by a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from airflow_enel.domain import ModelFormat
from airflow_enel.predict.alignment import Alignment
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import RunFeatures
from airflow_enel.predict.enel.gate import CLOSED, phase_of
from airflow_enel.predict.enel.inference.corrections import (
    Corrections,
    divide_seconds,
    remove_context_effect,
    remove_network_effect,
)
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION
from airflow_enel.predict.enel.model import load_model
from airflow_enel.predict.gaussian.conditional import Conditional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import (
        Bounds,
        ComponentForecast,
        Forecast,
        PastRun,
        Progress,
        TrainedModel,
    )
    from airflow_enel.predict.component_forecasts import ComponentTimes
    from airflow_enel.predict.enel.gate import Gate
    from airflow_enel.predict.enel.model import EnelModel
    from airflow_enel.predict.gaussian.remaining import Remaining
    from airflow_enel.predict.occurrences import Identity


class Enel:
    """:class:`Conditional` times ``exp(gate · correction)``.

    The correction comes from the same Gaussian with the network's log corrections ``f`` as its
    mean: ``log t_j(s) = curve_j(s) + f_j(s) + r_j``, ``r ~ N(0, Σ)``. Curves and Σ are learned
    from past runs from which ``f`` was subtracted: the effect of their contexts for the forecast
    before the start, that of their metrics too for those after it. The remaining components are
    conditioned on the residuals that ``f`` leaves in the finished ones. So nothing is counted
    twice.

    Exactly the prior without a model and where the gate is 0.

    :param model: a trained network
    :param job: what the model knows the job as; another gets the gates of all jobs together
    """

    name: Final = "enel"
    model_format: ClassVar = ModelFormat(KIND, SCHEMA_VERSION)

    def __init__(self, model: EnelModel | None = None, job: str = "") -> None:
        self._model, self._job = model, job
        self._gates = CLOSED if model is None else model.manifest.gates_of(job)
        self._prior, self._start, self._running = Conditional(), Conditional(), Conditional()
        self._runs = 0
        self._identities: tuple[Identity, ...] = ()
        self._corrections: Corrections | None = None

    def __repr__(self) -> str:
        return f"Enel(runs={self._runs}, gate={self._gates.start.share:.3g}, prior={self._prior!r})"

    def with_model(self, trained: TrainedModel, job: str) -> Enel:
        """A forecaster with a network, see `ReadsModels`.

        :raises ModelUnusable: (a ValueError) says what is wrong with the model
        """
        return Enel(load_model(trained.manifest, trained.weights), job)

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from past runs with their stages in any order; the network stays as it is."""
        past_runs = sorted(past_runs, key=lambda run: (run.started_at, run.run_id))
        past = Alignment.of(past_runs)
        self._prior.fit(past_runs)
        self._runs, self._corrections = past.tail_s.size, None
        if self._model is not None and any(self._gates.shares) and past.columns:
            model = self._model
            features = [RunFeatures.of(run, self._job) for run in past_runs]
            self._corrections = Corrections(
                EnelInference(model.config, model.weights),
                JobHistory.of(features, model.config),
                self._job,
            )
            usual = remove_context_effect(past_runs, self._corrections)
            self._start.fit(usual)
            self._running.fit(remove_network_effect(past_runs, self._corrections))
            past = Alignment.of(usual)
            self._identities = tuple(past.columns)
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """Remaining seconds per candidate, None if no past run had a component."""
        remaining = self._prior.components(progress, bounds)
        if remaining is None:
            return None
        prior = replace(
            self._prior.combine(remaining, bounds),
            forecaster=self.name,
            notes=self._prior.notes(progress),
        )
        found = self._corrected(progress, bounds, remaining)
        if found is None:
            return prior
        gate, gaussian, corrected = found
        return _between(prior, gaussian.combine(corrected, bounds), gate)

    def forecast_components(self, progress: Progress, bounds: Bounds) -> ComponentForecast | None:
        """See `ForecastsComponents`: of the prior, each with what the gate lets through.

        `predict` lets the correction of the sum through instead, so its median is not exactly the
        sum of these.
        """
        remaining = self._prior.components(progress, bounds)
        if remaining is None:
            return None
        times = remaining.times()
        found = self._corrected(progress, bounds, remaining)
        if found is not None:
            gate, _, corrected = found
            times = _times_between(times, corrected.times(), gate)
        return self._prior.planned(remaining, times, progress)

    def _corrected(
        self, progress: Progress, bounds: Bounds, prior: Remaining
    ) -> tuple[Gate, Conditional, Remaining] | None:
        """The gate, and the components with the whole correction beside who knows their sum.

        None if the gate is closed, or nothing is left to correct.
        """
        corrections = self._corrections
        ahead = float(prior.share.sum())
        gate = self._gates.by_phase[phase_of(len(progress.finished), ahead)]
        if corrections is None or gate.share == 0 or not prior.columns.size:
            return None
        gaussian = self._running if progress.finished else self._start
        remaining = gaussian.components(self._usual(progress, corrections), bounds)
        if remaining is None or not remaining.columns.size:
            return None
        order = gaussian.order(remaining)
        identities = [self._identities[column] for column in remaining.columns[order]]
        moment = corrections.moment(progress)
        correction = np.empty(remaining.log_median.shape)
        correction[:, order] = corrections.remaining(identities, moment, remaining.executors)
        return gate, gaussian, remaining.corrected(correction)

    def _usual(self, progress: Progress, corrections: Corrections) -> Progress:
        """The progress with finished components as they would have been in usual circumstances."""
        said = corrections.finished(progress.finished, progress.context)
        finished = divide_seconds(progress.finished, said)
        pairs = zip(finished, progress.finished, strict=True)
        saved_s = sum((old.added_s or 0.0) - (new.added_s or 0.0) for new, old in pairs)
        return replace(progress, finished=finished, elapsed_s=progress.elapsed_s - saved_s)


def _between(prior: Forecast, corrected: Forecast, gate: Gate) -> Forecast:
    """The prior's medians with the correction that the gate lets through, spreads by its share."""
    before, after = np.log(prior.median_s), np.log(corrected.median_s)
    median_s = np.exp(before + gate.applied(after - before))
    share = gate.share
    log_sd = (1.0 - share) * np.array(prior.log_sd) + share * np.array(corrected.log_sd)
    return replace(prior, median_s=tuple(median_s.tolist()), log_sd=tuple(log_sd.tolist()))


def _times_between(prior: ComponentTimes, corrected: ComponentTimes, gate: Gate) -> ComponentTimes:
    """The same of components."""
    applied = gate.applied(corrected.log_median - prior.log_median)
    spreads = prior.spreads.towards(corrected.spreads, gate.share)
    return replace(prior, log_median=prior.log_median + applied, spreads=spreads)
