"""One decision with the Enel network: the sweep over every candidate alone, and all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from airflow_enel.control.decide import ScalingConfig, decide, first_step
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds, ExecutorSpan, PastRun, Snapshot, Step
from airflow_enel.predict.enel.config import CONFIGS, DEFAULT, EnelConfig, layers
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, RunFeatures
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.gate import OPEN
from airflow_enel.predict.enel.inference.candidate_inputs import Moment, SweepBuilder
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.manifest import ENCODER, Manifest
from airflow_enel.predict.enel.model import EnelModel
from airflow_enel.predict.samples import FloatArray
from benchmarks.figures import Figure, timed_ms
from tests.support.builders.recurring_jobs import SCENARIOS, long_job, make_runs

CANDIDATES = tuple(range(4, 37))
COMPONENTS = 35
PAST_RUNS = 30
MOST_PAST_RUNS = 65
CONTEXT = (("input_mib", 4096), ("executor_memory_mib", 10240), ("spark_version", "3.5.1"))


def measure() -> Iterable[Figure]:
    """33 scale-outs × 34 remaining components of 1–3 stages: in the network, and as a whole."""
    yield from _sweeps()
    for past_runs in (PAST_RUNS, MOST_PAST_RUNS):
        yield from _decisions(past_runs)


def _sweeps() -> Iterable[Figure]:
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
        yield timed_ms(name, partial(inference.sweep, inputs), "≤ 2")
        yield timed_ms(
            f"{name}, features",
            partial(builder.inputs, remaining, moment, prior_s),
            "",
        )


def _decisions(past_runs: int) -> Iterable[Figure]:
    """Features, both priors, network and policy; what was learned from past runs is there."""
    *past, present = make_runs(long_job(), SCENARIOS["input"], past_runs + 1, seed=4)
    network = ScalingConfig(
        find_policy("enel-paper"),
        Enel(_model(), long_job().key).fit(past),
        target_s=present.runtime_s,
        bounds=Bounds(CANDIDATES[0], CANDIDATES[-1]),
        try_number=1,
        context=present.context,
    )
    prior = replace(network, forecaster=Enel().fit(past))
    seen = _after_one_component(present)
    moments: dict[str, Callable[[ScalingConfig], Step | None]] = {
        "before the start": lambda config: first_step(config, past, None, 0.0),
        f"{COMPONENTS - 1} components left": lambda config: decide(config, seen, seen.read_at).step,
    }
    for moment, action in moments.items():
        made, without = action(network), action(prior)
        if made is None or without is None or made.forecast == without.forecast:
            raise RuntimeError("the network has no part in this decision")
        name = f"decision with network on {past_runs} past runs, {moment}"
        yield timed_ms(name, partial(action, network), "≤ 10")


def _model() -> EnelModel:
    """A network of random weights that is trusted wholly."""
    manifest = Manifest(
        config=DEFAULT.name,
        encoder=ENCODER,
        largest_executors=DEFAULT.largest_executors,
        seed=0,
        created_at=0.0,
        from_scratch_at=0.0,
        training_runs=0,
        latest_run_at=0.0,
        data_hash="",
        epochs=0,
        jobs=(),
        pooled=OPEN,
        walk_forward_prior_percent=None,
        walk_forward_network_percent=None,
    )
    return EnelModel(manifest, DEFAULT, weights(DEFAULT))


def _after_one_component(run: PastRun) -> Snapshot:
    """What is seen of a run at its first barrier: the second component has just begun."""
    first, second, *_ = run.components
    now = second.started_at
    executors = tuple(
        ExecutorSpan(str(number), "host", 1, run.started_at)
        for number in range(run.initial_executors)
    )
    begun = replace(second, finished_at=None, succeeded=None, added_s=None, stages=())
    return Snapshot(
        app_id="app-1",
        app_name=None,
        spark_version=None,
        started_at=run.started_at,
        ended_at=None,
        read_at=now,
        complete=True,
        initial_executors=run.initial_executors,
        components=(first, begun),
        executors=executors,
        requests=(),
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
