"""A trained model: sealed when it is made, looked at before it is used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from airflow_enel.domain import ModelUnusable, TrainedModel
from airflow_enel.domain.model import MAX_WEIGHTS_BYTES, digest_of

WIRE = TypeAdapter(TrainedModel)


def model(**changes: Any) -> TrainedModel:
    made = TrainedModel.sealed("enel-1", "enel", 1, '{"runs": 3}', b"\x00weights\xff", 1.5)
    return replace(made, **changes)


@given(st.binary(min_size=1, max_size=200))
def test_any_weights_cross_the_wire_unchanged(weights: bytes) -> None:
    made = TrainedModel.sealed("m", "enel", 1, "{}", weights, 0.0)
    assert WIRE.validate_json(WIRE.dump_json(made)).verified("enel", 1) == made


@pytest.mark.parametrize(
    "damage",
    [
        {"weights": b"\x01weights\xff"},
        {"weights": b""},
        {"manifest": '{"runs": 4}'},
        {"manifest": "[]"},
        {"manifest": "{"},
        {"manifest": "[" * 100_000},
        {"schema_version": 2},
        {"schema_version": -1},
        {"kind": "other"},
        {"kind": "x" * 51},
        {"sha256": "0" * 64},
        {"name": "../etc"},
        {"name": ""},
    ],
)
def test_a_damaged_model_is_unusable(damage: dict[str, Any]) -> None:
    with pytest.raises(ModelUnusable, match="cannot be used"):
        model(**damage).verified()


def test_weights_over_the_limit_are_unusable() -> None:
    with pytest.raises(ModelUnusable, match="weights must be"):
        TrainedModel.sealed("m", "enel", 1, "{}", b"x" * (MAX_WEIGHTS_BYTES + 1), 0.0)


def test_a_foreign_model_and_one_of_another_schema_are_unusable() -> None:
    with pytest.raises(ModelUnusable, match="kind 'enel', not 'other'"):
        model().verified("other")
    with pytest.raises(ModelUnusable, match=r"schema is 1.*reads 2: train again"):
        model().verified("enel", 2)


def test_what_moves_from_manifest_to_weights_changes_the_digest() -> None:
    assert digest_of("k", 1, "{}", b"ab") != digest_of("k", 1, "{}a", b"b")


def test_weights_stay_out_of_logs() -> None:
    assert "weights" not in repr(model())
