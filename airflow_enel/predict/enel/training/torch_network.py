"""The Enel network in torch, for training; forecasts use the one in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing  # type: ignore[import-untyped]
from torch_geometric.utils import softmax  # type: ignore[import-untyped]

from airflow_enel.predict.enel.config import (
    LARGEST_LOG_CORRECTION,
    METRICS,
    PROPERTY_LENGTH,
    EnelConfig,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.enel.training.metric_propagation import PropagationPlan
    from airflow_enel.predict.enel.training.tensors import GraphTensors


@dataclass(frozen=True, slots=True)
class NetworkOutput:
    """Outputs of the network for a graph, for the loss.

    :param node_s: t̂, seconds of the nodes, ``(n,)``
    :param component_s: the maximum of (5) over the nodes of each component, ``(k,)``
    :param predicted_metrics: m̂ of (7) for every node, observed or not, ``(n, 5)``
    :param used_metrics: what f1 and f2 saw: observed or else predicted ones, ``(n, 5)``
    :param reconstruction: h(g(p)) of the graph's distinct properties, ``(p, 33)``
    """

    node_s: Tensor
    component_s: Tensor
    predicted_metrics: Tensor
    used_metrics: Tensor
    reconstruction: Tensor


class TwoLayers(nn.Module):
    """A two-layer feed-forward network with SELU between.

    *Shapes*: ``(…, inputs)`` to ``(…, outputs)``.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden, bias=bias)
        self.output = nn.Linear(hidden, outputs, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights with variance 1 / inputs, which SELU needs to keep its activations normal."""
        for layer in (self.hidden, self.output):
            _reset(layer)

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply both layers."""
        output: Tensor = self.output(torch.selu(self.hidden(inputs)))
        return output


class MetricPropagation(MessagePassing):  # type: ignore[misc] # it has no types
    """Metrics of nodes from those of their predecessors, (6) and (7).

    ``|e_ij| = softmax over j of a·σ(f3(x_i, x_j))``, ``m̂_i = S(Σ_j |e_ij|·f4(f3(x_i, x_j), m_j) +
    bias)`` with ``f3(x_i, x_j) = L(x_i) + R(x_j)``, SELU as σ, and the logistic function S: the
    metrics are defined in [0, 1], and predictions of predictions must not leave it. With
    ``config.relative_metrics`` all of them are differences to the past, and S is tanh.

    *Shapes*: x ``(rows, 3M + 6)``, measured metrics ``(rows, 5)`` or with their mask
    ``(rows, 10)``, edges ``(2, m)`` of (source, target), targets among the first n rows; gives
    ``(n, 5)``.
    """

    def __init__(self, config: EnelConfig) -> None:
        super().__init__(aggr="add")
        length = config.edge_length
        self.target = nn.Linear(length, length)
        self.source = nn.Linear(length, length)
        self.attention = nn.Parameter(torch.empty(length))
        self.f4 = TwoLayers(length + config.measured_length, config.metric_hidden, len(METRICS))
        self.bias = nn.Parameter(torch.empty(len(METRICS)))
        self.relative = config.relative_metrics
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start anew."""
        for layer in (self.target, self.source):
            _reset(layer)
        self.f4.reset_parameters()
        if self.relative:
            nn.init.zeros_(self.f4.output.weight)
        nn.init.normal_(self.attention, std=self.attention.numel() ** -0.5)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, measured: Tensor, edges: Tensor, n: int) -> Tensor:
        """Predict the metrics of n targets of the edges from those of their sources."""
        summed = self.propagate(
            edges,
            size=(len(x), n),
            target=(None, self.target(x[:n])),
            source=(self.source(x), None),
            measured=(measured, None),
        )
        bounded: Tensor = (torch.tanh if self.relative else torch.sigmoid)(summed + self.bias)
        return bounded

    def message(
        self, target_i: Tensor, source_j: Tensor, measured_j: Tensor, index: Tensor, size_i: int
    ) -> Tensor:
        """``|e_ij|·f4(f3(x_i, x_j), m_j)`` of every edge."""
        pair = target_i + source_j
        weight = softmax(torch.selu(pair) @ self.attention, index, num_nodes=size_i)
        message: Tensor = weight[:, None] * self.f4(torch.cat([pair, measured_j], dim=-1))
        return message

    def step_by_step(self, x: Tensor, plan: PropagationPlan) -> Tensor:
        """Predict metrics from predicted ones, where they are not observed; without gradient."""
        weights = {name: weight.detach().numpy() for name, weight in self.named_parameters()}
        return torch.from_numpy(plan.run(weights, x.detach().numpy(), relative=self.relative))


class EnelNetwork(nn.Module):
    """The network of (1)–(7) over the graph of one run or of several.

    With ``config.residual`` a node takes ``π·exp(B·tanh(f/B))``, B = 3: a correction of at most
    a factor of 20 either way, and none before training. f is f2, or with
    ``config.relative_inputs`` the sum of ô, relative metrics and relative features times the
    elasticities that f2 gives. Otherwise it takes
    ``time_scale·softplus(f2)``: runtimes are positive; the scale is a buffer that is not learned,
    the typical runtime of a node in the training data.

    :param config: its shape
    """

    time_scale: Tensor

    def __init__(self, config: EnelConfig) -> None:
        super().__init__()
        self.config = config
        hidden, code = config.encoder_hidden, config.code
        self.encoder = TwoLayers(PROPERTY_LENGTH, hidden, code, bias=False)
        self.decoder = TwoLayers(code, hidden, PROPERTY_LENGTH, bias=False)
        self.f1 = TwoLayers(config.overhead_inputs, config.overhead_hidden, 1)
        self.f2 = TwoLayers(config.runtime_inputs, config.runtime_hidden, config.runtime_outputs)
        self.metrics = MetricPropagation(config)
        self.register_buffer("time_scale", torch.tensor(1.0))
        self.reset_parameters()

    @classmethod
    def of(cls, config: EnelConfig, weights: Mapping[str, NDArray[Any]]) -> Self:
        """The network with these weights.

        :raises RuntimeError: if names or shapes are not those of the configuration
        """
        network = cls(config)
        network.load_state_dict({n: torch.tensor(np.asarray(w)) for n, w in weights.items()})
        return network

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Its learned numbers by name, as :class:`inference.EnelInference` and files take them."""
        return {
            name: np.array(tensor.detach().cpu().numpy(), dtype=np.float32)
            for name, tensor in self.state_dict().items()
        }

    def reset_parameters(self) -> None:
        """Start anew, from torch's random generator; a residual network starts as the prior."""
        for part in (self.encoder, self.decoder, self.f1, self.f2, self.metrics):
            part.reset_parameters()
        if self.config.residual:
            nn.init.zeros_(self.f2.output.weight)
            nn.init.zeros_(self.f2.output.bias)

    def forward(
        self,
        graph: GraphTensors,
        *,
        propagate: bool = False,
        carried: Tensor | None = None,
        contexts: Tensor | None = None,
    ) -> NetworkOutput:
        """Predict a graph.

        :param propagate: as in use: metrics that are not observed are predicted step by step,
            from predicted ones, which gives them no gradient. Otherwise, to train, each is
            predicted by (7) from the measured metrics of its predecessors, observed or not, all
            at once.
        :param carried: what f1 and f2 shall see of nodes that are not observed instead of what is
            predicted now, ``(n, 5)``
        :param contexts: what :meth:`contexts` gives, where the auto-encoder does not learn; the
            reconstruction is then taken for perfect
        """
        reconstruction = graph.properties
        if contexts is None:
            codes = self.encoder(reconstruction)
            contexts, reconstruction = graph.pool(codes), self.decoder(codes)
        x = torch.cat([graph.start, contexts, graph.end], dim=-1)
        predicted = (
            self.metrics.step_by_step(x, graph.plan)
            if propagate
            else self.metrics(x, graph.measured, graph.messages, graph.nodes)
        )
        if self.config.relative_metrics:
            predicted = predicted + graph.centre
        seen = predicted if carried is None else carried
        used = torch.where(graph.observed, graph.metrics, seen) * graph.mask
        node_s = self._runtimes(contexts[: graph.nodes], used, graph)
        return NetworkOutput(
            node_s=node_s,
            component_s=_longest(node_s, graph),
            predicted_metrics=predicted,
            used_metrics=used,
            reconstruction=reconstruction,
        )

    def contexts(self, graph: GraphTensors) -> Tensor:
        """C of the rows of the graph, ``(r, 3M)``."""
        return graph.pool(self.encoder(graph.properties))

    def _runtimes(self, context: Tensor, metrics: Tensor, graph: GraphTensors) -> Tensor:
        """(3) and (4): seconds of the nodes, ``(n,)``."""
        config, nodes = self.config, graph.nodes
        measured = torch.cat([metrics, graph.mask], dim=-1) if config.mask_inputs else metrics
        end = graph.end[:nodes]
        rescaled = torch.cat(
            [context, measured, graph.start[:nodes], end, graph.rescaling], dim=-1
        ).index_select(0, graph.moved)
        overhead = metrics.new_zeros(nodes, 1).index_copy(0, graph.moved, self.f1(rescaled))
        inputs = [context, measured, end, overhead]
        factors = [overhead]
        if config.relative_inputs:
            factors += [(metrics - graph.reference) * graph.against_mask, graph.relative]
            inputs += factors[1:]
        output = self.f2(torch.cat(inputs, dim=-1))
        if config.relative_inputs:
            output = output * torch.cat(factors, dim=-1)
        output = output.sum(dim=-1)
        if not config.residual:
            scaled: Tensor = self.time_scale * nn.functional.softplus(output)
            return scaled
        limit = LARGEST_LOG_CORRECTION
        return graph.prior_s * torch.exp(limit * torch.tanh(output / limit))


def _longest(node_s: Tensor, graph: GraphTensors) -> Tensor:
    """(5), level by level; the runtime of each component, ``(k,)``."""
    total = node_s
    for nodes, before in graph.levels:
        total = total.index_add(0, nodes, _largest(total, before))
    return _largest(total, graph.sinks)


def _largest(seconds: Tensor, rows: Tensor) -> Tensor:
    """The largest of the nodes of each row."""
    return seconds.index_select(0, rows.reshape(-1)).reshape(rows.shape).amax(dim=1)


def _reset(layer: nn.Linear) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
