"""Configurations of the Enel network: inputs, layers, number of learnable parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROPERTY_BITS: Final = 32
"""L of (1): numbers of an encoded property after its prefix."""
PROPERTY_LENGTH: Final = PROPERTY_BITS + 1
"""N of (1)."""
METRICS: Final = ("cpu", "shuffle", "io", "gc", "spill")
"""The metrics of a node, each in [0, 1]; ``features.node_metrics`` defines them."""
SCALE_OUT_LENGTH: Final = 3
"""Length of vec(s)."""
PARTS: Final = 3
"""A context is u ‖ v ‖ w: always-present, optional, and own properties."""
NAMED_SLOTS: Final = ("input_mib", "executor_memory_mib", "executor_cores")
"""Numbers of the run context with a relative feature of their own."""
HASHED_SLOTS: Final = 5
"""Relative features that all other numbers of the run context share."""
RELATIVE_LENGTH: Final = len(NAMED_SLOTS) + HASHED_SLOTS + len(METRICS)
"""Relative features per node: the slots, and metrics of what has finished."""

LARGEST_LOG_CORRECTION: Final = 3.0
"""B: a residual network changes the prior by at most e³ ≈ 20, so that no input makes it useless."""


@dataclass(frozen=True, slots=True)
class EnelConfig:
    """The shape of a network.

    :param name: what tables call it
    :param residual: a node takes ``π·exp(f2)``, with a last layer that starts at zero, so that
        the untrained network is the prior; otherwise f2 is the runtime itself
    :param mask_inputs: f1, f2 and f4 see which metrics are defined
    :param relative_inputs: f2 sees context and metrics relative to the job's past, and gives the
        elasticity to each of them: the correction of a run as usual is 0, whatever was learned
    :param relative_metrics: (7) predicts how far metrics are off the past, and off what this run
        has been off by so far, from how far those of the predecessors are, and tanh instead of
        the logistic function bounds it: an untrained network expects a run to go on as it began
    :param largest_executors: scale-out whose features are 1; they are 0 at one executor
    :param neighbours: β, historical summaries that make an H(k)
    """

    name: str
    residual: bool
    mask_inputs: bool
    relative_inputs: bool
    relative_metrics: bool
    code: int = 8
    encoder_hidden: int = 16
    overhead_hidden: int = 18
    runtime_hidden: int = 16
    metric_hidden: int = 17
    largest_executors: int = 64
    neighbours: int = 5

    @property
    def context_length(self) -> int:
        """3M, the length of c."""
        return PARTS * self.code

    @property
    def edge_length(self) -> int:
        """Length of x = a ‖ c ‖ z and of what f3 makes of a pair of them."""
        return self.context_length + 2 * SCALE_OUT_LENGTH

    @property
    def measured_length(self) -> int:
        """Metrics, with their mask where it is an input."""
        return len(METRICS) * (2 if self.mask_inputs else 1)

    @property
    def overhead_inputs(self) -> int:
        """Inputs of f1: c, m, [mask], a, z, r."""
        return self.context_length + self.measured_length + 2 * SCALE_OUT_LENGTH + 1

    @property
    def runtime_inputs(self) -> int:
        """Inputs of f2: c, m, [mask], z, ô, [relative metrics, relative features]."""
        relative = len(METRICS) + RELATIVE_LENGTH if self.relative_inputs else 0
        return self.context_length + self.measured_length + SCALE_OUT_LENGTH + 1 + relative

    @property
    def runtime_outputs(self) -> int:
        """Outputs of f2: the runtime, or elasticities to ô, relative metrics, relative features."""
        return 1 + len(METRICS) + RELATIVE_LENGTH if self.relative_inputs else 1


PAPER: Final = EnelConfig(
    "paper", residual=False, mask_inputs=False, relative_inputs=False, relative_metrics=False
)
"""The network of the paper with its 5,155 learnable parameters."""
DEFAULT: Final = EnelConfig(
    "default", residual=True, mask_inputs=True, relative_inputs=True, relative_metrics=True
)
"""The network of this project: a correction of the prior."""
CONFIGS: Final = (PAPER, DEFAULT)


@dataclass(frozen=True, slots=True)
class Layer:
    """One learnable tensor pair.

    :param name: its prefix in the weights; ``name.weight`` and ``name.bias``, or just ``name``
    :param role: the function and equation it belongs to
    :param shape: ``(outputs, inputs)`` of a linear layer, ``(length,)`` of a vector
    """

    name: str
    role: str
    shape: tuple[int, ...]
    bias: bool

    @property
    def parameters(self) -> int:
        """Number of learnable parameters."""
        numbers = self.shape[0] * (self.shape[1] if len(self.shape) > 1 else 1)
        return numbers + (self.shape[0] if self.bias else 0)


def layers(config: EnelConfig) -> tuple[Layer, ...]:
    """Every learnable tensor of a network, in the order of the equations."""
    edge, metrics = config.edge_length, len(METRICS)
    return (
        *_two("encoder", "g (2)", PROPERTY_LENGTH, config.encoder_hidden, config.code, bias=False),
        *_two("decoder", "h (2)", config.code, config.encoder_hidden, PROPERTY_LENGTH, bias=False),
        *_two("f1", "overhead (3)", config.overhead_inputs, config.overhead_hidden, 1),
        *_two(
            "f2",
            "runtime (4)",
            config.runtime_inputs,
            config.runtime_hidden,
            config.runtime_outputs,
        ),
        Layer("metrics.target", "f3 of the node (6)", (edge, edge), True),
        Layer("metrics.source", "f3 of its predecessor (6)", (edge, edge), True),
        Layer("metrics.attention", "a (6)", (edge,), False),
        *_two(
            "metrics.f4",
            "metrics (7)",
            edge + config.measured_length,
            config.metric_hidden,
            metrics,
        ),
        Layer("metrics.bias", "output bias (7)", (metrics,), False),
    )


def parameters(config: EnelConfig) -> int:
    """Learnable parameters of a network; 5,155 for :data:`PAPER`."""
    return sum(layer.parameters for layer in layers(config))


def _two(
    name: str, role: str, inputs: int, hidden: int, outputs: int, *, bias: bool = True
) -> tuple[Layer, Layer]:
    """The two layers of a feed-forward network."""
    return (
        Layer(f"{name}.hidden", role, (hidden, inputs), bias),
        Layer(f"{name}.output", role, (outputs, hidden), bias),
    )
