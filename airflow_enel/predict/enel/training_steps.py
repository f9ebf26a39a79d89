"""Steps of training: a loss, batches, and epochs until runs held out get no better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from airflow_enel.predict.enel.merging import merge
from airflow_enel.predict.enel.tensors import GraphTensors, field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_enel.predict.enel.assembly import RunGraph
    from airflow_enel.predict.enel.network import EnelNetwork, Prediction

BATCH: Final = 16
"""Examples per step."""
LEARNING_RATE: Final = 2e-3
DECAY: Final = 3e-2
"""Of the weights per step and learning rate: what runs do not ask for is forgotten."""
COMMON_FACTOR: Final = 10.0
"""Elasticities that all components have in common are learned faster than what differs."""
REFRESH: Final = 10
"""Epochs after which the metrics of what is to come are predicted anew."""
HUBER: Final = 0.3
"""Log errors beyond it count linearly: what runs of a job vary by."""


@dataclass(slots=True)
class Batch:
    """Examples as one graph.

    :param weight: of each component in the loss, by its share of the run's seconds, ``(k,)``
    :param node_weight: the same of the nodes, ``(n,)``
    :param carried: metrics of nodes that are to come, as use would predict them, ``(n, 5)``
    :param contexts: of its nodes, if they stay as they are
    """

    graph: GraphTensors
    weight: Tensor
    node_weight: Tensor
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


def loss_of(batch: Batch, made: Prediction, *, everything: bool = True) -> Tensor:
    """Huber on log seconds of components and nodes; unless not everything, metrics and codes."""
    run = batch.graph.tensors
    loss = _huber(made.component_s, field(run.added_s), batch.weight)
    if not everything:
        return loss
    loss = loss + _huber(made.node_s, field(run.runtime_s), batch.node_weight)
    known = field(run.measured)
    off = (made.predicted_metrics - field(run.metrics)).square() * known
    loss = loss + off.sum() / known.sum().clamp(min=1.0)
    reconstruction = made.reconstruction - field(run.properties)
    return loss + reconstruction.square().mean()


def error_of(parts: Sequence[Batch], network: EnelNetwork) -> float:
    """Mean runtime loss as in use."""
    with torch.no_grad():
        losses = [loss_of(b, network(b.graph, propagate=True), everything=False) for b in parts]
    return float(torch.stack(losses).mean()) if losses else 0.0


def descend(
    parts: Sequence[Batch],
    network: EnelNetwork,
    epochs: int,
    after: Callable[[int], bool] = lambda _: True,
    refresh_every: int = REFRESH,
) -> None:
    """Train for so many epochs, or until ``after`` an epoch says no."""
    optimizer = _optimizer(network)
    for epoch in range(epochs):
        if epoch % refresh_every == 0:
            refresh(parts, network)
        for index in torch.randperm(len(parts)).tolist():
            step(parts[index], network, optimizer)
        if not after(epoch + 1):
            return


def _optimizer(network: EnelNetwork) -> torch.optim.Optimizer:
    common = network.f2.output.bias
    learned = [p for p in network.parameters() if p.requires_grad and p is not common]
    groups = [
        {"params": learned, "lr": LEARNING_RATE, "weight_decay": DECAY},
        {"params": [common], "lr": COMMON_FACTOR * LEARNING_RATE, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, foreach=True)


def step(batch: Batch, network: EnelNetwork, optimizer: torch.optim.Optimizer) -> None:
    """One step down."""
    optimizer.zero_grad()
    loss_of(batch, network(batch.graph, carried=batch.carried, contexts=batch.contexts)).backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


def _batch(graphs: Sequence[RunGraph], network: EnelNetwork) -> Batch:
    tensors = GraphTensors.of(merge(graphs), network.config)
    run = tensors.tensors
    node_s, component = field(run.prior_s), field(run.component)
    seconds = torch.zeros(len(field(run.added_s))).index_add(0, component, node_s)
    weight = seconds * ~field(run.added_s).isnan()
    node_weight = node_s * ~field(run.runtime_s).isnan()
    # Every example counts the same, however long its job takes.
    example = torch.repeat_interleave(
        torch.arange(len(graphs)), torch.tensor([g.added_s.size for g in graphs])
    )
    return Batch(
        tensors,
        _shared(weight, example, len(graphs)),
        _shared(node_weight, example[component], len(graphs)),
    )


def _shared(weight: Tensor, example: Tensor, count: int) -> Tensor:
    """Weights that add up to 1 / count per example."""
    total = torch.zeros(count).index_add(0, example, weight)
    return weight / total.clamp(min=1e-9)[example] / count


def _huber(seconds: Tensor, actual_s: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over what is known; a finished value stands in where nothing is."""
    known = torch.where(weight > 0, actual_s, seconds.detach())
    off = seconds.clamp(min=1e-3).log() - known.clamp(min=1e-3).log()
    losses = torch.nn.functional.huber_loss(
        off, torch.zeros_like(off), reduction="none", delta=HUBER
    )
    return (losses * weight).sum()
