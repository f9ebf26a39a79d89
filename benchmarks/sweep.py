"""One decision sweep of the Enel network: every candidate scale-out of a run at its start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from airflow_enel.predict.enel.config import CONFIGS, EnelConfig, layers
from airflow_enel.predict.enel.graph import ComponentGraph, RunFeatures
from airflow_enel.predict.enel.history import JobHistory
from airflow_enel.predict.enel.inference import EnelInference
from airflow_enel.predict.enel.sweep import Moment, SweepBuilder
from airflow_enel.predict.samples import FloatArray
from benchmarks.figures import Figure

CANDIDATES = tuple(range(4, 37))
COMPONENTS = 35
PAST_RUNS = 30
RUNS = 50
CONTEXT = (("input_mib", 4096), ("executor_memory_mib", 10240), ("spark_version", "3.5.1"))


def measure() -> Iterable[Figure]:
    """33 scale-outs × 34 remaining components of 1–3 stages: in the network, and before it."""
    runs = [past_run(number) for number in range(PAST_RUNS)]
    remaining = [graph.identity for graph in runs[0].components[1:]]
    moment = Moment(CONTEXT, runs[0].components[0], 12.0)
    prior_s = np.full((len(CANDIDATES), len(remaining)), 10.0)
    for config in CONFIGS:
        inference = EnelInference(config, weights(config))
        history = JobHistory.of(runs, config)
        builder = SweepBuilder(inference, history, CANDIDATES)
        inputs = builder.inputs(remaining, moment, prior_s)
        name = f"sweep, {config.name} network"
        yield _figure(name, partial(inference.sweep, inputs), "≤ 3")
        yield _figure(
            f"{name}, features",
            partial(builder.inputs, remaining, moment, prior_s),
            "",
        )


def weights(config: EnelConfig, seed: int = 0) -> dict[str, FloatArray]:
    """Random weights of a network."""
    rng = np.random.default_rng(seed)
    made = {"time_scale": np.array(10.0)}
    for layer in layers(config):
        vector = len(layer.shape) == 1
        name = layer.name if vector else f"{layer.name}.weight"
        made[name] = rng.normal(0, layer.shape[-1] ** -0.5, layer.shape)
        if layer.bias:
            made[f"{layer.name}.bias"] = np.zeros(layer.shape[0])
    return made


def past_run(number: int) -> RunFeatures:
    """A run of 35 components with 1, 2, or 3 stages in a row."""
    rng = np.random.default_rng(number)
    executors = float(rng.choice(CANDIDATES))
    components = tuple(_component(k, 1 + k % 3, executors, rng) for k in range(COMPONENTS))
    return RunFeatures(f"run {number}", float(number), CONTEXT, components)


def _component(
    position: int, stages: int, executors: float, rng: np.random.Generator
) -> ComponentGraph:
    runtime_s = rng.uniform(2, 9, stages)
    at = np.full(stages, executors)
    return ComponentGraph(
        identity=(f"step {position}", 0),
        names=tuple(f"stage {index}" for index in range(stages)),
        edges=tuple((index, index + 1) for index in range(stages - 1)),
        depth=np.arange(stages),
        start=executors,
        end=executors,
        node_start=at,
        node_end=at,
        rescaling=np.zeros(stages),
        metrics=rng.random((stages, 5)),
        mask=np.ones((stages, 5)),
        runtime_s=runtime_s,
        added_s=float(runtime_s.sum()),
        always=("job", f"step {position}", position, 0),
        own=tuple((f"stage {index}", 48, 0) for index in range(stages)),
    )


def _figure(name: str, action: Callable[[], object], aim: str) -> Figure:
    action()
    elapsed_ms = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        elapsed_ms.append(1e3 * (time.perf_counter() - start))
    return Figure.of(name, "ms", elapsed_ms, aim)
