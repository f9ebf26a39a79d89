"""Linear regression that adds one feature after the other and averages over where to stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import BoolArray, FloatArray, IndexArray

MOST_FEATURES: Final = 4
"""That are added at most."""

_NUISANCE_PRECISION = 1e-4  # of what every model has and nobody asks for
_SMALLEST_PIVOT = 1e-9
_LEAST_NOISE = 0.02
_DEGREES, _ROUNDS = 4.0, 3  # of Student's t, and of reweighting by it


@dataclass(frozen=True, slots=True)
class NestedRegression:
    """Mean over ``k`` nested regressions of ``m`` targets on ``f`` features, by their evidence.

    The first has none of the features; each further one has the one more that raises the evidence
    most, so that of two that say the same only one is needed. Coefficients are Gaussian around 0,
    the noise is integrated out (normal–inverse-gamma prior), outliers lose weight as by Student's
    t. What is assumed of the noise is that of the other targets, where there are some. Steps are
    those of Goodnight's sweep operator ("A tutorial on the SWEEP operator", 1979), for all
    targets at once.

    :param probability: of each model, ``(k, m)``
    :param coefficient: of each, ``(k, m, f)``
    :param covariance: of the coefficients of each, ``(k, m, f, f)``
    :param weight: what was left of the weight of each sample, ``(n, m)``
    :param noise: standard deviation of what is left, ``(m,)``
    """

    probability: FloatArray
    coefficient: FloatArray
    covariance: FloatArray
    weight: FloatArray
    noise: FloatArray

    @classmethod
    def fit(
        cls,
        features: FloatArray,
        target: FloatArray,
        weight: FloatArray,
        *,
        nuisance: FloatArray,
        prior: Prior,
    ) -> Self:
        """Learn from ``n`` samples of every target.

        :param features: ``(n, m, f)``
        :param target: ``(n, m)``
        :param weight: of each sample, 0 where there is none, ``(n, m)``
        :param nuisance: columns that every model has, whose effect is left out, ``(n, m, g)``
        """
        columns = np.concatenate([nuisance, features, target[..., None]], axis=2)
        found = cls._once(columns, weight, nuisance.shape[2], prior)
        for _ in range(_ROUNDS - 1):
            if found.noise.size > 1:
                prior = replace(prior, noise=max(float(np.median(found.noise)), _LEAST_NOISE))
            found = cls._once(columns, weight * found.weight, nuisance.shape[2], prior)
        return found

    @classmethod
    def _once(cls, columns: FloatArray, weight: FloatArray, ignored: int, prior: Prior) -> Self:
        _, targets, size = columns.shape
        features = size - ignored - 1
        transposed = columns.transpose(1, 2, 0)
        swept = (transposed * weight.T[:, None, :]) @ transposed.transpose(0, 2, 1)
        precision = np.concatenate([np.full(ignored, _NUISANCE_PRECISION), prior.precision])
        swept[:, np.arange(size - 1), np.arange(size - 1)] += precision
        swept[:, -1, -1] += prior.noise_square
        for nuisance in range(ignored):
            _sweep(swept, np.full(targets, nuisance))
        count = weight.sum(axis=0) + prior.runs
        used = np.zeros((targets, features), dtype=np.bool_)
        evidence = [np.zeros(targets)]
        states = [swept.copy()]
        inside = [used.copy()]
        for _ in range(min(MOST_FEATURES, features)):
            gain = _gains(swept, used, ignored, count, prior)
            best = gain.argmax(axis=1)
            there = np.arange(targets)
            added = gain[there, best]
            _sweep(swept, best + ignored)
            used[there, best] = True
            evidence.append(evidence[-1] + added)
            states.append(swept.copy())
            inside.append(used.copy())
        return cls._averaged(
            np.stack(evidence), np.stack(states), np.stack(inside), columns, ignored, count
        )

    @classmethod
    def _averaged(
        cls,
        evidence: FloatArray,
        states: FloatArray,
        inside: BoolArray,
        columns: FloatArray,
        ignored: int,
        count: FloatArray,
    ) -> Self:
        probability = np.exp(evidence - evidence.max(axis=0))
        probability /= probability.sum(axis=0)
        of_features = slice(ignored, -1)
        pair = inside[..., :, None] & inside[..., None, :]
        coefficient = np.where(inside, states[:, :, of_features, -1], 0.0)
        noise = states[:, :, -1, -1] / count
        inverse = np.where(pair, -states[:, :, of_features, of_features], 0.0)
        covariance = inverse * noise[..., None, None]
        every = states[:, :, :-1, -1].copy()
        every[:, :, ignored:] = coefficient
        mean = np.einsum("km,kmp->mp", probability, every)
        left = columns[:, :, -1] - np.einsum("nmp,mp->nm", columns[:, :, :-1], mean)
        variance = (probability * noise).sum(axis=0)
        weight = (_DEGREES + 1.0) / (_DEGREES + left**2 / variance)
        weight = np.minimum(weight, 1.0)
        return cls(probability, coefficient, covariance, weight, np.sqrt(variance))

    @property
    def mean(self) -> FloatArray:
        """Coefficients, ``(m, f)``."""
        mean: FloatArray = np.einsum("km,kmf->mf", self.probability, self.coefficient)
        return mean

    def variance(self, features: FloatArray) -> FloatArray:
        """Of what features ``(c, f)`` add to each target, ``(c, m)``."""
        each = np.einsum("cf,kmf->kcm", features, self.coefficient)
        mean = np.einsum("km,kcm->cm", self.probability, each)
        own = np.einsum("cf,kmfg,cg->kcm", features, self.covariance, features, optimize=True)
        variance: FloatArray = np.einsum("km,kcm->cm", self.probability, own + (each - mean) ** 2)
        return variance


@dataclass(frozen=True, slots=True)
class Prior:
    """What is assumed before anything was seen.

    :param sd: standard deviation of each coefficient, ``(f,)``
    :param odds: of a model with each feature, over one without, ``(f,)``
    :param needs: number of the feature that must be there first, its own if none, ``(f,)``
    :param noise: of the targets, as if so many ``runs`` had shown it
    """

    sd: FloatArray
    odds: FloatArray
    needs: IndexArray
    noise: float
    runs: float

    @property
    def precision(self) -> FloatArray:
        """Of the coefficients, in units of the noise, ``(f,)``."""
        precision: FloatArray = (self.noise / self.sd) ** 2
        return precision

    @property
    def noise_square(self) -> float:
        """Sum of squares that stands for it."""
        return self.runs * self.noise**2


def _gains(
    swept: FloatArray, used: BoolArray, ignored: int, count: FloatArray, prior: Prior
) -> FloatArray:
    """Log odds that each feature would add, −∞ for those that are there, ``(m, f)``."""
    places = np.arange(ignored, swept.shape[1] - 1)
    pivot = np.maximum(swept[:, places, places], _SMALLEST_PIVOT)
    explained = swept[:, places, -1] ** 2 / (pivot * swept[:, -1, -1][:, None])
    gain = np.log(prior.odds) + 0.5 * np.log(prior.precision / pivot)
    gain = gain - 0.5 * count[:, None] * np.log1p(-np.minimum(explained, 1.0 - 1e-12))
    own = prior.needs == np.arange(prior.needs.size)
    return np.where(used | ~(used[:, prior.needs] | own), -np.inf, gain)


def _sweep(matrices: FloatArray, places: FloatArray) -> None:
    """Sweep matrices ``(m, p, p)`` on one place each, ``(m,)``, where they are."""
    every = np.arange(matrices.shape[0])
    row = matrices[every, places].copy()
    pivot = np.maximum(row[every, places], _SMALLEST_PIVOT)
    column = row.copy()
    matrices -= column[:, :, None] * row[:, None, :] / pivot[:, None, None]
    matrices[every, places] = row / pivot[:, None]
    matrices[every, :, places] = column / pivot[:, None]
    matrices[every, places, places] = -1.0 / pivot
