"""The trained Enel network in NumPy: equations (1)–(7) for all candidates in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from airflow_enel.predict.enel.config import (
    LARGEST_LOG_CORRECTION,
    METRICS,
    RELATIVE_LENGTH,
    SCALE_OUT_LENGTH,
    EnelConfig,
    layers,
)
from airflow_enel.predict.enel.features.encoding import encode_all
from airflow_enel.predict.enel.inference.activation import folded, selu, shifted_selu
from airflow_enel.predict.enel.inference.metric_propagation import SweepMetricPropagation, product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.enel.features.summary_nodes import PropertySets
    from airflow_enel.predict.enel.inference.graph_layout import Layout
    from airflow_enel.predict.enel.inference.inputs import SweepInputs
    from airflow_enel.predict.samples import FloatArray

LARGEST_CACHE: Final = 1 << 14
"""Sets of properties whose codes are kept: far more than the stages of the jobs of one worker."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Outputs of the network for every candidate.

    :param node_s: seconds of the nodes, ``(c, n)``
    :param component_s: seconds of the components, ``(c, k)``
    :param metrics: given or predicted metrics of the nodes, 0 where not defined, ``(c, n, 5)``
    """

    node_s: FloatArray
    component_s: FloatArray
    metrics: FloatArray


class EnelInference:
    """The trained network: (1)–(7) in float64.

    :param config: its shape
    :param weights: by name, as ``EnelNetwork.weights()`` gives them
    :raises ValueError: if weights are missing, superfluous, of a wrong shape or not finite
    """

    def __init__(self, config: EnelConfig, weights: Mapping[str, NDArray[Any]]) -> None:
        self.config = config
        self._weights = _checked(config, weights)
        self._flow = SweepMetricPropagation(config, self._weights)
        self._runtime_layers = folded(
            self._weights["f2.hidden.bias"],
            self._weights["f2.output.weight"].T,
            self._weights["f2.output.bias"],
        )
        self._overhead_columns, self._runtime_columns = self._columns("f1"), self._columns("f2")
        self._codes: dict[tuple[Property, ...], FloatArray] = {}

    def __repr__(self) -> str:
        return f"EnelInference(config={self.config.name!r})"

    def codes(self, properties: FloatArray) -> FloatArray:
        """G of (2): codes of encoded properties ``(p, 33)``, shape ``(p, M)``."""
        w = self._weights
        return selu(properties @ w["encoder.hidden.weight"].T) @ w["encoder.output.weight"].T

    def mean_code(self, properties: tuple[Property, ...]) -> FloatArray:
        """Mean code of a set of properties, ``(M,)``; 0 of none. Remembered."""
        # 1 and 1.0 are one key, and one property too.
        known = self._codes.get(properties)
        if known is None:
            if len(self._codes) >= LARGEST_CACHE:
                self._codes.clear()
            codes = self.codes(encode_all(properties))
            known = codes.mean(axis=0) if len(properties) else np.zeros(self.config.code)
            self._codes[properties] = known
        return known

    def contexts(self, sets: PropertySets) -> FloatArray:
        """C = u ‖ v ‖ w of the nodes of a component, ``(n, 3M)``."""
        code, contexts = self.config.code, np.empty((len(sets.own), self.config.context_length))
        contexts[:, :code] = self.mean_code(sets.always)
        contexts[:, code : 2 * code] = self.mean_code(sets.optional)
        for row, own in zip(contexts, sets.own, strict=True):
            row[2 * code :] = self.mean_code(own)
        return contexts

    def node_contexts(self, components: Sequence[PropertySets]) -> FloatArray:
        """C of the nodes of several components in a row, ``(n, 3M)``."""
        return np.concatenate([self.contexts(sets) for sets in components])

    def summary_contexts(self, past: Sequence[PropertySets]) -> FloatArray:
        """Mean c of the nodes of a component, one row per past run, ``(r, 3M)``."""
        return np.stack([self.contexts(sets).mean(axis=0) for sets in past])

    def sweep(self, inputs: SweepInputs) -> Sweep:
        """Predict all candidates."""
        metrics = self._flow.run(inputs)
        node_s = self._runtimes(inputs, metrics)
        return Sweep(
            node_s=node_s.T,
            component_s=longest(node_s, inputs.layout).T,
            metrics=metrics.transpose(1, 0, 2),
        )

    def _overhead(self, inputs: SweepInputs, metrics: FloatArray) -> FloatArray:
        """(3): overhead of the nodes, 0 where start and end agree, ``(n, c)``."""
        overhead = np.zeros(inputs.moved.shape)
        rows = np.flatnonzero(inputs.moved.any(axis=1))
        if not rows.size:
            return overhead
        c, m, mask, a, z, r = self._overhead_columns
        w, moved = self._weights, inputs.moved[rows]
        fixed = inputs.context[rows] @ c + inputs.mask[rows] @ mask + w["f1.hidden.bias"]
        hidden = metrics[rows] @ m + inputs.start[rows] @ a + inputs.end[rows] @ z
        hidden += fixed[:, None] + inputs.rescaling[rows, :, None] * r[0]
        output = selu(hidden) @ w["f1.output.weight"][0] + w["f1.output.bias"][0]
        overhead[rows] = np.where(moved, output, 0.0)
        return overhead

    def _runtimes(self, inputs: SweepInputs, metrics: FloatArray) -> FloatArray:
        """(4): seconds of the nodes, ``(n, c)``."""
        w = self._weights
        c, m, mask, z, o, against, relative = self._runtime_columns
        bias, weight, output_bias = self._runtime_layers
        fixed = inputs.context @ c + inputs.mask @ mask + bias
        fixed += inputs.relative @ relative
        hidden = product(metrics, m)
        hidden += product(inputs.end, z)
        compared = (metrics - inputs.reference[:, None]) * (inputs.mask * inputs.reference_mask)[
            :, None
        ]
        if self.config.relative_inputs:
            hidden += product(compared, against)
        hidden += fixed[:, None]
        overhead = self._overhead(inputs, metrics)[..., None]
        if inputs.moved.any():
            hidden += overhead * o[0]
        hidden = shifted_selu(hidden)
        if self.config.relative_inputs:
            output = self._elasticities(inputs.relative, compared, overhead, hidden)
        else:
            output = product(hidden, weight[:, 0]) + output_bias
        if not self.config.residual:
            scaled: FloatArray = float(w["time_scale"]) * np.logaddexp(output, 0.0)
            return scaled
        limit = LARGEST_LOG_CORRECTION
        corrected: FloatArray = inputs.prior_s * np.exp(limit * np.tanh(output / limit))
        return corrected

    def _elasticities(
        self, relative: FloatArray, compared: FloatArray, overhead: FloatArray, hidden: FloatArray
    ) -> FloatArray:
        """The sum of overhead, metrics and relative features times their elasticities, ``(n, c)``.

        Relative features are the same at every candidate, so they are multiplied with the last
        layer before the hidden activations are.
        """
        _, weight, bias = self._runtime_layers
        same = 1 + len(METRICS)
        of_node = relative @ weight[:, same:].T
        output: FloatArray = np.matmul(hidden, of_node[..., None])[..., 0]
        output += (relative @ bias[same:])[:, None]
        own = product(hidden, weight[:, 1:same])
        own += bias[1:same]
        own *= compared
        output += own.sum(axis=-1)
        output += overhead[..., 0] * (product(hidden, weight[:, 0]) + bias[0])
        return output

    def _columns(self, function: str) -> list[FloatArray]:
        """The first layer's weights by input, transposed; 0 for inputs it does not have."""
        config, metrics = self.config, len(METRICS)
        common = [(config.context_length, True), (metrics, True), (metrics, config.mask_inputs)]
        if function == "f1":
            lengths = [*common, (SCALE_OUT_LENGTH, True), (SCALE_OUT_LENGTH, True), (1, True)]
        else:
            relative = config.relative_inputs
            lengths = [*common, (SCALE_OUT_LENGTH, True), (1, True)]
            lengths += [(metrics, relative), (RELATIVE_LENGTH, relative)]
        weight, first, columns = self._weights[f"{function}.hidden.weight"].T, 0, []
        for length, there in lengths:
            columns.append(weight[first : first + length].copy() if there else 0 * weight[:length])
            first += length if there else 0
        return columns


def longest(node_s: FloatArray, layout: Layout) -> FloatArray:
    """(5): the longest path through each component.

    :param node_s: ``(n, c)``
    :return: ``(k, c)``
    """
    total = node_s.copy()
    depth = layout.depth[layout.targets]
    for level in range(1, int(layout.depth.max()) + 1):
        here = np.flatnonzero(layout.depth[layout.target] == level)
        _, groups = np.unique(layout.target[here], return_index=True)
        before = np.maximum.reduceat(total[layout.source[here]], groups, axis=0)
        total[layout.targets[depth == level]] += before
    components: FloatArray = np.maximum.reduceat(total, layout.first, axis=0)
    return components


def _checked(config: EnelConfig, weights: Mapping[str, NDArray[Any]]) -> dict[str, FloatArray]:
    """The weights in float64."""
    shapes: dict[str, tuple[int, ...]] = {"time_scale": ()}
    for layer in layers(config):
        vector = len(layer.shape) == 1
        shapes[layer.name if vector else f"{layer.name}.weight"] = layer.shape
        if layer.bias:
            shapes[f"{layer.name}.bias"] = layer.shape[:1]
    if weights.keys() != shapes.keys():
        wrong = sorted(weights.keys() ^ shapes.keys())
        raise ValueError(f"these weights are no {config.name} network: {', '.join(wrong)}")
    checked = {name: np.asarray(weights[name], dtype=np.float64) for name in shapes}
    for name, shape in shapes.items():
        if checked[name].shape != shape or not np.isfinite(checked[name]).all():
            raise ValueError(f"weight {name} must be finite and of shape {shape}")
    return checked
