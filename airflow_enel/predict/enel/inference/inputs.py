"""Input arrays of the NumPy network: the remaining components of a run at all candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_enel.predict.enel.inference.graph_layout import Layout
    from airflow_enel.predict.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class SummaryInputs:
    """Summaries for ``k`` components and ``c`` candidates.

    :param context: ``(k, c, 3M)``
    :param start: vec(start), ``(k, c, 3)``
    :param end: vec(end), ``(k, c, 3)``
    :param metrics: metrics, or how far they are off the past, ``(k, c, 5)``
    :param mask: ``(k, c, 5)``
    :param present: False where a component has none, ``(k,)``
    """

    context: FloatArray
    start: FloatArray
    end: FloatArray
    metrics: FloatArray
    mask: FloatArray
    present: BoolArray


@dataclass(frozen=True, slots=True)
class SweepInputs:
    """``k`` components with ``n`` nodes at ``c`` candidate scale-outs.

    :param layout: of the nodes
    :param context: c of the nodes, ``(n, 3M)``
    :param start: vec(start), ``(n, c, 3)``
    :param end: vec(end), ``(n, c, 3)``
    :param moved: True where start and end differ, ``(n, c)``
    :param rescaling: r, ``(n, c)``
    :param metrics: of observed nodes, ``(n, 5)``
    :param mask: where metrics are, or are expected to be, defined, ``(n, 5)``
    :param reference: mean metrics of the past, ``(n, 5)``
    :param reference_mask: 1 where there is one, ``(n, 5)``
    :param relative: features relative to the job's past, ``(n, 13)``
    :param prior_s: π, ``(n, c)``
    :param component_start: vec(start) of the components, ``(k, c, 3)``
    :param component_end: vec(end), ``(k, c, 3)``
    :param first: P before the first component, one row
    :param historical: H before every component
    """

    layout: Layout
    context: FloatArray
    start: FloatArray
    end: FloatArray
    moved: BoolArray
    rescaling: FloatArray
    metrics: FloatArray
    mask: FloatArray
    reference: FloatArray
    reference_mask: FloatArray
    relative: FloatArray
    prior_s: FloatArray
    component_start: FloatArray
    component_end: FloatArray
    first: SummaryInputs
    historical: SummaryInputs
