"""Optimisation: loss, batches, AdamW with weight averaging, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor

from airflow_enel.predict.enel.training.batching import collate
from airflow_enel.predict.enel.training.tensors import GraphTensors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.features.stage_graph import IntArray
    from airflow_enel.predict.enel.training.run_graph import RunGraph
    from airflow_enel.predict.enel.training.torch_network import EnelNetwork, NetworkOutput
    from airflow_enel.predict.samples import FloatArray

BATCH: Final = 16
"""Examples per step."""
AVERAGED: Final = 100
"""Steps that the weights are averaged over: the single ones jump about the optimum, and a chain of
predicted metrics adds up what they are off by."""
DECAY: Final = 3e-2
"""Of the weights per step and learning rate: what runs do not ask for is forgotten."""
COMMON_FACTOR: Final = 10.0
"""Elasticities that all components have in common are learned faster than what differs."""
REFRESH: Final = 10
"""Epochs after which the metrics of what is to come are predicted anew."""
HUBER: Final = 0.3
"""Log errors beyond it count linearly: what runs of a job vary by."""
LEAST_S: Final = 1e-3
"""Floor of all seconds before their logarithm is taken."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of the optimiser for one kind of network.

    :param learning_rate: of a step
    :param epochs: at most
    :param patience: epochs without a better one on the runs held out
    :param rounds: of training from scratch and of freeing the prior's past runs from what was
        learned
    """

    learning_rate: float
    epochs: int
    patience: int
    rounds: int


CORRECTION: Final = TrainingSettings(5e-3, 80, 15, 2)
SECONDS: Final = TrainingSettings(1e-2, 600, 100, 1)
"""Learned from nothing, and there is no prior to be freed of anything."""


def training_settings(config: EnelConfig) -> TrainingSettings:
    """The settings for networks of this shape."""
    return CORRECTION if config.residual else SECONDS


@dataclass(frozen=True, slots=True)
class Targets:
    """Targets of the loss: measured seconds of components or nodes.

    :param log_s: log seconds, any finite value where they are not known
    :param weight: in the loss, by the share of the run's seconds; 0 where not known
    """

    log_s: Tensor
    weight: Tensor

    @classmethod
    def of(cls, seconds: FloatArray, prior_s: FloatArray, example: IntArray) -> Targets:
        """Every example counts the same, however long its job takes.

        :param seconds: NaN where unknown
        :param prior_s: what they are weighed by
        :param example: of each
        """
        known = np.isfinite(seconds)
        weight = np.where(known, prior_s, 0.0)
        total = np.maximum(np.bincount(example, weight), 1e-9)
        return cls(
            log_s=_tensor(np.log(np.maximum(np.where(known, seconds, 1.0), LEAST_S))),
            weight=_tensor(weight / total[example] / total.size),
        )

    def loss(self, seconds: Tensor) -> Tensor:
        """Weighted mean of Huber on log seconds."""
        log_s = seconds.clamp(min=LEAST_S).log()
        losses = torch.nn.functional.huber_loss(log_s, self.log_s, reduction="none", delta=HUBER)
        return losses @ self.weight


@dataclass(slots=True)
class Batch:
    """Examples as one graph.

    :param components: seconds of components, ``(k,)``
    :param nodes: seconds of nodes, ``(n,)``
    :param known: 1 where metrics are true ones, over their number, ``(n, 5)``
    :param carried: metrics of nodes that are to come, as use would predict them, ``(n, 5)``
    :param contexts: of its nodes, if they stay as they are
    """

    graph: GraphTensors
    components: Targets
    nodes: Targets
    known: Tensor
    carried: Tensor | None = None
    contexts: Tensor | None = None


def batches(graphs: Sequence[RunGraph], network: EnelNetwork, size: int = BATCH) -> list[Batch]:
    """Examples in an order that mixes jobs and moments, in parts of nearly equal size."""
    count = max(1, -(-len(graphs) // size))
    return [_batch(graphs[part::count], network) for part in range(count) if graphs[part::count]]


def refresh(parts: Sequence[Batch], network: EnelNetwork) -> None:
    """Predict the metrics of what is to come."""
    with torch.no_grad():
        for batch in parts:
            batch.carried = network(batch.graph, propagate=True).used_metrics


def loss_of(batch: Batch, made: NetworkOutput, *, everything: bool = True) -> Tensor:
    """Huber on log seconds of components and nodes; unless not everything, metrics and codes."""
    loss = batch.components.loss(made.component_s)
    if not everything:
        return loss
    loss = loss + batch.nodes.loss(made.node_s)
    graph = batch.graph
    loss = loss + ((made.predicted_metrics - graph.metrics).square() * batch.known).sum()
    reconstruction = (made.reconstruction - graph.properties).square().mean(dim=1)
    return loss + reconstruction @ graph.property_share


def error_of(parts: Sequence[Batch], network: EnelNetwork) -> float:
    """Mean runtime loss as in use."""
    with torch.no_grad():
        losses = [loss_of(b, network(b.graph, propagate=True), everything=False) for b in parts]
    return float(torch.stack(losses).mean()) if losses else 0.0


def optimise(
    parts: Sequence[Batch],
    network: EnelNetwork,
    epochs: int,
    after: Callable[[int], bool] = lambda _: True,
    refresh_every: int = REFRESH,
) -> None:
    """Train for so many epochs, or until ``after`` an epoch says no.

    The network has the averages of its weights at the end, and when ``after`` looks at it.
    """
    learned = [p for p in network.parameters() if p.requires_grad]
    optimizer, averages = _optimizer(network), _Averages(learned)
    for epoch in range(epochs):
        if epoch % refresh_every == 0:
            refresh(parts, network)
        for index in torch.randperm(len(parts)).tolist():
            step(parts[index], network, optimizer, learned)
            averages.add()
        averages.swap()
        if not after(epoch + 1) or epoch + 1 == epochs:
            return
        averages.swap()


class _Averages:
    """Exponential averages of what a network learns.

    Over a tenth of the steps so far, as the first weights are far off, but at most
    :data:`AVERAGED`.
    """

    def __init__(self, learned: Sequence[Tensor]) -> None:
        self._learned = list(learned)
        self._averages = [p.detach().clone() for p in self._learned]
        self._steps = 0

    def add(self) -> None:
        """After a step."""
        self._steps += 1
        window = min(AVERAGED, 1 + self._steps / 10)
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, self._learned, 1 / window)

    def swap(self) -> None:
        """Averages into the network and its weights here, or back."""
        for index, learned in enumerate(self._learned):
            # No copies: fine-tuning swaps after every step.
            learned.data, self._averages[index] = self._averages[index], learned.data


def _optimizer(network: EnelNetwork) -> torch.optim.Optimizer:
    common, rate = network.f2.output.bias, training_settings(network.config).learning_rate
    learned = [p for p in network.parameters() if p.requires_grad and p is not common]
    groups = [
        {"params": learned, "lr": rate, "weight_decay": DECAY},
        {"params": [common], "lr": COMMON_FACTOR * rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, fused=True)


def step(
    batch: Batch,
    network: EnelNetwork,
    optimizer: torch.optim.Optimizer,
    learned: Sequence[Tensor],
) -> None:
    """One step down.

    :param learned: the parameters that learn, listed once: that takes as long as clipping them
    """
    optimizer.zero_grad()
    loss_of(batch, network(batch.graph, carried=batch.carried, contexts=batch.contexts)).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()


def _batch(graphs: Sequence[RunGraph], network: EnelNetwork) -> Batch:
    merged = collate(graphs)
    example = np.repeat(np.arange(len(graphs)), [graph.added_s.size for graph in graphs])
    prior_s = np.bincount(merged.component, merged.prior_s).astype(np.float64)
    return Batch(
        graph=GraphTensors.of(merged, network.config),
        components=Targets.of(merged.added_s, prior_s, example),
        nodes=Targets.of(merged.runtime_s, merged.prior_s, example[merged.component]),
        known=_tensor(merged.measured / max(merged.measured.sum(), 1.0)),
    )


def _tensor(array: FloatArray) -> Tensor:
    return torch.from_numpy(array).float()
