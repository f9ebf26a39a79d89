"""Models as they are written and read again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain.model import ModelUnusable
from airflow_enel.predict.enel.config import CONFIGS, DEFAULT
from airflow_enel.predict.enel.gate import CLOSED, OPEN, Gate, Gates
from airflow_enel.predict.enel.manifest import ENCODER, JobGate, Manifest, marks_of
from airflow_enel.predict.enel.model import dump_weights, load_model
from tests.support.builders.graphs import random_weights

RANK = Gates(Gate(0.25, 0.5, 0.25), Gate(0.125, 0.25, 0.5), Gate(0.0, 0.0, 0.0))
MANIFEST = Manifest(
    config="default",
    encoder=ENCODER,
    largest_executors=64,
    seed=3,
    created_at=5.5,
    from_scratch_at=2.5,
    training_runs=12,
    latest_run_at=4.0,
    data_hash="00ff",
    epochs=40,
    jobs=(
        JobGate("daily/rank", 12, 3, RANK, 20.5, 10.25, learned=marks_of("daily/rank", "abc")),
        JobGate("été", 2, 0, CLOSED, None, None),
    ),
    pooled=OPEN,
    walk_forward_prior_percent=20.5,
    walk_forward_network_percent=10.25,
)


def test_a_manifest_survives_json():
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_equal_manifests_are_equal_texts_in_ascii():
    again = Manifest.from_json(json.dumps(json.loads(MANIFEST.to_json()), indent=1))
    assert again.to_json() == MANIFEST.to_json()
    assert MANIFEST.to_json().isascii()


def test_a_job_has_its_own_gate_and_others_the_pooled_one():
    assert MANIFEST.gates_of("daily/rank") == RANK
    assert MANIFEST.gates_of("never seen") == OPEN


def gates_json(**changes):
    one = {"limit": 0.5, "half": 0.25, "whole": 0.25}
    return dict.fromkeys(("start", "early", "late"), one) | {"early": one | changes}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 99}, "schema 99"),
        ({"schema_version": None}, "schema"),
        ({"seed": "x"}, "seed"),
        ({"seed": True}, "seed"),
        ({"pooled": None}, "pooled"),
        ({"pooled": {"start": {}}}, "Gate"),
        ({"pooled": gates_json(limit=3.5)}, "limit"),
        ({"pooled": gates_json(limit=-0.5)}, "limit"),
        ({"pooled": gates_json(half=-0.5)}, "weights"),
        ({"pooled": gates_json(half=0.75, whole=0.5)}, "weights"),
        ({"pooled": gates_json(whole=float("nan"))}, "whole"),
        ({"pooled": gates_json(more=1.0)}, "fields"),
        ({"epochs": None}, "epochs"),
        ({"jobs": {}}, "jobs"),
        ({"jobs": [{"job": "x"}]}, "JobGate"),
        ({"more": 1}, "fields"),
        ({"encoder": "other"}, "encoder"),
        ({"created_at": float("nan")}, "created_at"),
    ],
)
def test_a_foreign_manifest_is_refused_with_a_reason(change, said):
    text = json.dumps(json.loads(MANIFEST.to_json()) | change)
    with pytest.raises(ModelUnusable, match=said):
        Manifest.from_json(text)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_a_manifest_of_an_older_schema_is_refused(version):
    text = json.dumps(json.loads(MANIFEST.to_json()) | {"schema_version": version})
    with pytest.raises(ModelUnusable, match="train again"):
        Manifest.from_json(text)


@given(st.text(), st.lists(st.text()), st.text())
def test_a_job_remembers_which_runs_were_learned(job, learned, other):
    gate = JobGate(job, len(learned), 0, OPEN, None, None, learned=marks_of(job, learned))
    read = Manifest.from_json(replace(MANIFEST, jobs=(gate,)).to_json())
    assert all(read.jobs[0].has_learned(run_id) for run_id in learned)
    assert read.jobs[0].has_learned(other) == (other in learned)


@given(st.lists(st.text(), max_size=20), st.randoms())
def test_marks_do_not_depend_on_the_order_of_runs(run_ids, random):
    marks = marks_of("job", run_ids)
    again = [*run_ids, *run_ids]
    random.shuffle(again)
    assert marks_of("job", again) == marks
    assert len(marks) == 8 * len(set(run_ids))


def test_a_run_of_another_job_is_another_run():
    assert marks_of("one", ["run"]) != marks_of("other", ["run"])


def test_a_mark_is_found_only_where_one_begins():
    mark = next(m for m in (marks_of("job", [str(n)]) for n in range(1000)) if m > "2")
    gate = JobGate("job", 2, 0, OPEN, None, None, learned="1" + mark + "f" * 7)
    run_id = next(str(n) for n in range(1000) if marks_of("job", [str(n)]) == mark)
    assert not gate.has_learned(run_id)


@pytest.mark.parametrize(
    "learned",
    [
        None,
        [],
        12345678,
        "1234567",
        "123456789",
        "1234567G",
        "ABCDEF01",
        "1234567\n",
        "١" * 8,
        "2" * 8 + "1" * 8,
        "1" * 16,
    ],
)
def test_marks_of_runs_that_are_none_are_refused(learned):
    jobs = [json.loads(MANIFEST.to_json())["jobs"][0] | {"learned": learned}]
    text = json.dumps(json.loads(MANIFEST.to_json()) | {"jobs": jobs})
    with pytest.raises(ModelUnusable, match="learned"):
        Manifest.from_json(text)


@given(st.text())
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ModelUnusable):
        Manifest.from_json(text)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_model_survives_bytes(config):
    weights = {n: w.astype(np.float32) for n, w in random_weights(config).items()}
    loaded = load_model(replace(MANIFEST, config=config.name).to_json(), dump_weights(weights))
    assert loaded.config == config
    for name, weight in weights.items():
        np.testing.assert_array_equal(loaded.weights[name], weight)


def spoilt(how: str) -> tuple[str, bytes]:
    weights = {n: w.astype(np.float32) for n, w in random_weights(DEFAULT).items()}
    if how == "weight missing":
        del weights["f1.hidden.bias"]
    if how == "not finite":
        weights["metrics.bias"] = np.full(5, np.nan, dtype=np.float32)
    data = dump_weights(weights)
    data = {"cut": data[:-9], "empty": b"", "no tensors": b"x" * 99}.get(how, data)
    manifest = MANIFEST
    if how == "config":
        manifest = replace(MANIFEST, config="unheard of")
    if how == "other network":
        manifest = replace(MANIFEST, config="paper")
    if how == "range":
        manifest = replace(MANIFEST, largest_executors=32)
    return manifest.to_json(), data


@pytest.mark.parametrize(
    "how",
    [
        "weight missing",
        "not finite",
        "cut",
        "empty",
        "no tensors",
        "config",
        "other network",
        "range",
    ],
)
def test_a_model_that_does_not_fit_is_refused(how):
    with pytest.raises(ModelUnusable):
        load_model(*spoilt(how))
