"""Trained models in every kind of history, and in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from airflow_enel.domain import ModelUnusable, TrainedModel, training_name
from airflow_enel.history.http import client
from airflow_enel.history.interface import HistoryRefused, RecurringJob, UnknownModel
from airflow_enel.history.sql.tables import ModelRecord
from airflow_enel.history.sql.trained_models import MODELS_PER_KIND
from tests.support.builders import samples

if TYPE_CHECKING:
    from airflow_enel.history.interface import History
    from tests.history.conftest import Kept


@pytest.fixture
def kind() -> str:
    return f"kind-{uuid4().hex[:12]}"


@pytest.fixture
def trainer(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> History:
    """The history as a task of ``[enel] trainers`` reaches it."""
    dag = f"training-{uuid4()}"
    monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", f"other:task, {dag}:spark")
    monkeypatch.setattr(client, "_MODELS", {})
    return kept.opened(samples.run(dag))


def model(kind: str, number: int = 0, weights: bytes = b"\x00\xff") -> TrainedModel:
    return TrainedModel.sealed(
        f"{kind}.{number}", kind, 1, '{"seed": 1}', weights, samples.NOON - number
    )


def test_the_newest_model_is_the_one_stored_last_whatever_its_clock(
    trainer: History, kind: str
) -> None:
    assert trainer.latest_model(kind) is None
    for number in range(2):
        trainer.save_model(model(kind, number))
    assert trainer.latest_model(kind) == model(kind, 1)


def test_weights_of_megabytes_come_back_as_they_went(trainer: History, kind: str) -> None:
    large = model(kind, weights=bytes(range(256)) * 4096 * 4)
    trainer.save_model(large)
    assert trainer.latest_model(kind) == large


def test_saving_again_changes_nothing_and_another_of_the_same_name_is_refused(
    kept: Kept, trainer: History, kind: str
) -> None:
    for _ in range(2):
        trainer.save_model(model(kind))
    with pytest.raises(HistoryRefused, match="name"):
        trainer.save_model(model(kind, weights=b"other"))
    assert [m.sha256 for m in kept.stored.models() if m.kind == kind] == [model(kind).sha256]


def test_of_each_kind_the_newest_few_are_kept(kept: Kept, trainer: History, kind: str) -> None:
    trainer.save_model(model(f"{kind}-other"))
    for number in range(MODELS_PER_KIND + 2):
        trainer.save_model(model(kind, number))
    names = [m.name for m in kept.stored.models() if m.kind.startswith(kind)]
    assert names == [f"{kind}.{n}" for n in range(MODELS_PER_KIND + 1, 1, -1)] + [f"{kind}-other.0"]


def test_an_unsealed_model_is_refused_and_not_stored(
    kept: Kept, trainer: History, kind: str
) -> None:
    good = model(kind)
    fake = TrainedModel(good.name, kind, 1, "{}", b"x", good.sha256, 0.0)
    with pytest.raises(HistoryRefused, match="sha256"):
        trainer.save_model(fake)
    assert kept.stored.latest_model(kind) is None


def damage(kept: Kept, name: str, **values: Any) -> None:
    with kept.stored._sessions.read() as session:
        session.execute(sa.update(ModelRecord).where(ModelRecord.name == name).values(**values))


@pytest.mark.parametrize(
    "values", [{"weights": b"\x00\xfe"}, {"manifest": "{}"}, {"manifest": "torn"}, {"sha256": "0"}]
)
def test_a_model_that_was_damaged_in_the_database_is_unusable(
    kept: Kept, trainer: History, kind: str, values: dict[str, Any]
) -> None:
    trainer.save_model(model(kind))
    damage(kept, model(kind).name, **values)
    with pytest.raises(ModelUnusable, match="cannot be used"):
        trainer.latest_model(kind)


def test_a_list_of_models_tells_their_size_without_loading_them(sql: Kept, kind: str) -> None:
    sql.stored.save_model(model(kind, weights=b"x" * 1000))
    (row,) = [m for m in sql.stored.models() if m.kind == kind]
    assert (row.name, row.weights_bytes, row.schema_version) == (f"{kind}.0", 1000, 1)
    assert (row.manifest, row.created_at) == ('{"seed": 1}', samples.NOON)


def test_a_model_is_found_by_its_name(sql: Kept, kind: str) -> None:
    sql.stored.save_model(model(kind))
    assert sql.stored.model(f"{kind}.0") == model(kind)
    with pytest.raises(UnknownModel, match="model list"):
        sql.stored.model("no-such")


def test_training_runs_are_those_of_all_dags_with_stages(kept: Kept, trainer: History) -> None:
    jobs = [RecurringJob(f"dag-{uuid4()}", key) for key in ("a", "b")]
    for job in jobs:
        run = samples.run(job.dag_id, job.job_key)
        kept.stored.open_run(run, None)
        kept.stored.save_components(run.key.id, (samples.component(0), samples.component(1)))
        kept.stored.finish_run(run.key.id, samples.outcome())
    unfinished = samples.run(jobs[0].dag_id, "never ended")
    kept.stored.open_run(unfinished, None)
    found = {found.job: found.runs for found in trainer.training_runs(5)}
    names = [training_name(job.dag_id, job.job_key) for job in jobs]
    assert set(names) <= found.keys()
    assert not [job for job in found if "never ended" in job]
    (past,) = found[names[0]]
    assert past.components == (samples.component(0), samples.component(1))
