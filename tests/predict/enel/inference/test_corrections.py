"""What of a run the corrections of its components depend on."""

from __future__ import annotations

from dataclasses import replace

from airflow_enel.domain import Bounds, Progress
from airflow_enel.domain.context import CODE, RunContext
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import RunFeatures
from airflow_enel.predict.enel.inference.corrections import Corrections, remove_context_effect
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from tests.support.builders.graphs import random_weights
from tests.support.builders.staged_runs import staged_run

JOB = "daily ranking"


def runs(**more):
    contexts = (RunContext.of({"input_mib": 400 + number, **more}) for number in range(6))
    return [
        replace(staged_run(number, 2 + number % 5, 6), context=known)
        for number, known in enumerate(contexts)
    ]


def said_of(known):
    """Everything that corrections say of runs."""
    history = JobHistory.of([RunFeatures.of(run, JOB) for run in known], DEFAULT)
    corrections = Corrections(EnelInference(DEFAULT, random_weights(DEFAULT)), history, JOB)
    last = known[-1]
    start = Progress.at_start(Bounds(2, 9), last.context)
    identities = [graph.identity for graph in RunFeatures.of(last, JOB).components]
    cleaned = remove_context_effect(known, corrections)
    return (
        corrections.remaining(identities, corrections.moment(start), (2, 4)).tolist(),
        corrections.finished(last.components, last.context).tolist(),
        [[component.added_s for component in run.components] for run in cleaned],
    )


def test_the_digest_of_the_code_is_noise_that_they_do_not_see() -> None:
    assert said_of(runs(**{CODE: "0123456789abcdef"})) == said_of(runs())
    assert said_of(runs(engine="another")) != said_of(runs())
