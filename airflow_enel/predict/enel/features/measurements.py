"""Numeric features: scale-outs, stage metrics, and context relative to the job's past."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.enel.config import (
    DEFAULT,
    HASHED_SLOTS,
    METRICS,
    NAMED_SLOTS,
    RELATIVE_LENGTH,
    SCALE_OUT_LENGTH,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeGuard

    from numpy.typing import ArrayLike

    from airflow_enel.domain import StageMetrics
    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.samples import FloatArray

LARGEST_LOG_RATIO: Final = 5.0
"""A factor of 150. What is further off is a mistake, and must not drive a network."""


UNKNOWN_METRIC: Final = 0.5
"""The middle of what a metric can be."""


def scale_out(executors: ArrayLike, largest: int = DEFAULT.largest_executors) -> FloatArray:
    """``vec(s) = [1 − 1/s, log s, s]``, each scaled to 0 at one executor and 1 at ``largest``.

    :param executors: any shape; fewer than one counts as one
    :return: that shape + ``(3,)``; beyond 1 for more executors than ``largest``
    """
    s = np.maximum(np.asarray(executors, dtype=np.float64), 1.0)
    features = np.empty((*s.shape, SCALE_OUT_LENGTH))
    features[..., 0] = (1.0 - 1.0 / s) / (1.0 - 1.0 / largest)
    features[..., 1] = np.log(s) / math.log(largest)
    features[..., 2] = (s - 1.0) / (largest - 1.0)
    return features


def node_metrics(metrics: StageMetrics) -> tuple[FloatArray, FloatArray]:
    """The five metrics of a stage and which of them are defined, both of shape ``(5,)``.

    - ``cpu``: executor CPU time / executor run time, at most 1
    - ``shuffle``: shuffle bytes read / (read + written)
    - ``io``: input bytes / (input + output bytes)
    - ``gc``: time in garbage collection / executor run time, at most 1
    - ``spill``: bytes spilled to disk / (spilled + peak execution memory)

    All lie in [0, 1]. One that would be 0/0, or that comes of unusable numbers, is 0 and not
    defined.
    """
    run_s = metrics.executor_run_s
    pairs = (
        (metrics.executor_cpu_s, run_s),
        (metrics.shuffle_read_bytes, metrics.shuffle_read_bytes + metrics.shuffle_write_bytes),
        (metrics.input_bytes, metrics.input_bytes + metrics.output_bytes),
        (metrics.gc_s, run_s),
        (
            metrics.disk_spilled_bytes,
            metrics.disk_spilled_bytes + metrics.peak_execution_memory_bytes,
        ),
    )
    values, defined = np.zeros(len(METRICS)), np.zeros(len(METRICS))
    for index, (part, whole) in enumerate(pairs):
        if 0 < whole < math.inf and 0 <= part < math.inf:
            values[index], defined[index] = min(part / whole, 1.0), 1.0
    return values, defined


def masked_mean(values: FloatArray, mask: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean of the defined values over the first axis, and which columns have any; ``(n, 5)``."""
    count = mask.sum(axis=0)
    return (values * mask).sum(axis=0) / np.maximum(count, 1.0), (count > 0).astype(np.float64)


def centre(reference: FloatArray, reference_mask: FloatArray, relative: FloatArray) -> FloatArray:
    """Reference of the relative metrics in (6) and (7), ``(n, 5)``.

    Those of the past, as far off as this run has been by now; the middle where the past has
    none. So an untrained network expects a run to go on as it has begun.

    :param relative: see :func:`relative_features`, ``(…, 13)``
    """
    usual = reference + relative[..., -len(METRICS) :]
    return np.where(reference_mask > 0, usual, UNKNOWN_METRIC)


def log_ratio(value: float, reference: float) -> float:
    """``log(value / reference)`` within ± :data:`LARGEST_LOG_RATIO`; 0 if one of them is unusable.

    0 says "as usual": the best guess about what is not known.
    """
    if not (0 < value < math.inf and 0 < reference < math.inf):
        return 0.0
    ratio = math.log(value) - math.log(reference)
    return max(-LARGEST_LOG_RATIO, min(LARGEST_LOG_RATIO, ratio))


def typical_numbers(
    contexts: Iterable[Sequence[tuple[str, Property]]],
) -> tuple[tuple[str, float], ...]:
    """The geometric mean of every positive number of the run contexts, sorted by its name.

    Geometric, because durations are compared on the log scale too.
    """
    logs: dict[str, list[float]] = {}
    for context in contexts:
        for name, value in context:
            if _usable(value):
                logs.setdefault(name, []).append(math.log(value))
    return tuple((name, math.exp(sum(of) / len(of))) for name, of in sorted(logs.items()))


def relative_features(
    context: Sequence[tuple[str, Property]],
    typical: Sequence[tuple[str, float]],
    metrics_off: FloatArray,
) -> FloatArray:
    """Numbers of a run relative to its job's past, shape ``(13,)``; all 0 for a run as usual.

    ``log(value / typical value)`` of every number, in a slot of its own for ``input_mib``,
    ``executor_memory_mib`` and ``executor_cores``, else added up in one of five slots by a hash
    of its name; last ``metrics_off``. Shifting a job's numbers by a factor changes nothing,
    which is what lets one network serve many jobs.
    :param metrics_off: mean difference of the finished components' metrics to the past, ``(5,)``
    """
    features = np.zeros(RELATIVE_LENGTH)
    features[-len(METRICS) :] = metrics_off
    known = dict(typical)
    for name, value in context:
        if _usable(value) and name in known:
            features[_slot(name)] += log_ratio(float(value), known[name])
    limited: FloatArray = np.clip(features, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    return limited


def _slot(name: str) -> int:
    """The slot of a number's name, the same in every process."""
    if name in NAMED_SLOTS:
        return NAMED_SLOTS.index(name)
    return len(NAMED_SLOTS) + zlib.crc32(name.encode("utf-8", "replace")) % HASHED_SLOTS


def _usable(value: Property) -> TypeGuard[float]:
    """True for a positive number whose logarithm exists."""
    if isinstance(value, (str, bool)):
        return False
    return 0 < value < 1e300  # noqa: PLR2004 - larger integers are no floats
