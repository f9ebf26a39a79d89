"""``airflow enel model …`` through Airflow's own parser."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from airflow_enel.domain import TrainedModel
from tests.support.cli import Enel

pytestmark = pytest.mark.usefixtures("airflow_db")


@pytest.fixture
def stored(airflow_db: None) -> TrainedModel:
    from airflow_enel.history.sql.trained_models import SqlModels  # noqa: PLC0415 - needs the database

    manifest = '{"seed": 1, "training": {"runs": 30}}'
    model = TrainedModel.sealed(f"m-{uuid4()}", "cli", 3, manifest, b"x" * 2048, 1.7e9)
    SqlModels().save_model(model)
    return model


def test_the_list_has_every_model_without_its_weights(enel: Enel, stored: TrainedModel) -> None:
    first = enel("model", "list", "-o", "json").json[0]
    assert first == {
        "name": stored.name,
        "kind": "cli",
        "schema_version": 3,
        "manifest": {"seed": 1, "training": {"runs": 30}},
        "weights_bytes": 2048,
        "sha256": stored.sha256,
        "created_at": 1.7e9,
    }
    table = enel("model", "list")
    assert (table.error, "2023-11-14" in table.out) == (0, True)
    assert stored.name in table.out  # whole: it is what "show" asks for


def test_of_a_list_that_is_too_wide_only_the_kinds_are_cut(enel: Enel, airflow_db: None) -> None:
    from airflow_enel.history.sql.trained_models import SqlModels  # noqa: PLC0415 - needs the database

    name = f"m-{uuid4()}"
    SqlModels().save_model(TrainedModel.sealed(name, "k" * 32, 3, "{}", b"x" * 2**21, 1.7e9))
    row = next(line for line in enel("model", "list").out.splitlines() if name in line)
    assert ("2023-11-14" in row, "2,048.0" in row, "k" * 32 in row) == (True, True, False)


def test_without_models_the_list_says_what_happens_then(
    enel: Enel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_enel.history.sql.trained_models import SqlModels  # noqa: PLC0415 - needs the database

    monkeypatch.setattr(SqlModels, "models", lambda self: ())
    assert "prior" in enel("model", "list").out
    assert enel("model", "list", "-o", "json").json == []


def test_a_model_is_shown_with_its_manifest(enel: Enel, stored: TrainedModel) -> None:
    (shown,) = enel("model", "show", stored.name, "-o", "json").json
    assert (shown["fault"], shown["manifest"]["training"]["runs"]) == (None, 30)
    said = enel("model", "show", stored.name)
    assert "whole" in said.out
    assert "manifest.training.runs" in said.out


def test_the_marks_of_runs_are_left_to_programs(enel: Enel, airflow_db: None) -> None:
    from airflow_enel.history.sql.trained_models import SqlModels  # noqa: PLC0415 - needs the database

    jobs = [{"job": "dag/job", "runs": 1, "learned": "0123abcd"}]
    manifest = json.dumps({"jobs": jobs})
    model = TrainedModel.sealed(f"m-{uuid4()}", "cli", 3, manifest, b"x", 1.7e9)
    SqlModels().save_model(model)
    said = enel("model", "show", model.name).out
    assert "dag/job" in said
    assert "0123abcd" not in said
    assert enel("model", "show", model.name, "-o", "json").json[0]["manifest"]["jobs"] == jobs


def test_a_corrupt_model_is_shown_as_such(enel: Enel, stored: TrainedModel) -> None:
    from airflow import settings  # noqa: PLC0415 - needs the database

    with settings.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE enel_models SET manifest = 'torn' WHERE name = :name"),
            {"name": stored.name},
        )
    said = enel("model", "show", stored.name, "-o", "json")
    (shown,) = said.json
    assert said.error == 1
    assert shown["manifest"] == "torn"
    assert "cannot be used" in shown["fault"]
    assert enel("model", "list").error == 0


def test_an_unknown_model_is_told_in_one_line(enel: Enel) -> None:
    said = enel("model", "show", "nothing")
    assert "model list" in str(said.error)


def test_the_paper_s_network_has_5155_parameters(enel: Enel) -> None:
    described: dict[str, Any] = enel("model", "describe", "--config", "paper", "-o", "json").json
    assert described["parameters"] == 5155
    assert sum(layer["parameters"] for layer in described["layers"]) == 5155
    assert described["config"]["name"] == "paper"


def test_by_default_the_project_s_own_network_is_described(enel: Enel) -> None:
    described = enel("model", "describe", "-o", "json").json
    assert described["config"]["name"] == "default"
    assert f"{described['parameters']:,}" in enel("model", "describe").out


def test_no_configuration_of_another_name_is_described(enel: Enel) -> None:
    assert enel("model", "describe", "--config", "huge").error != 0
