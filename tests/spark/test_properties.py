"""What Spark's properties say of a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain.context import MAX_ENTRIES, MAX_NAME, read_context
from airflow_enel.spark.properties import CONTEXT_PREFIX, given_context, size_context

NAMES = st.text(min_size=1, max_size=MAX_NAME).filter(
    lambda name: "\x00" not in name and name.isprintable()
)


@given(st.dictionaries(NAMES, st.integers(-(2**63), 2**63 - 1), max_size=MAX_ENTRIES))
def test_numbers_given_by_properties_are_read_as_they_were_meant(values: dict[str, int]) -> None:
    properties = {f"{CONTEXT_PREFIX}{name}": str(value) for name, value in values.items()}
    context, complaints = read_context(given_context({"spark.app.name": "job", **properties}))
    assert dict(context) == values
    assert complaints == ()


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.floats() | st.text()))
def test_whatever_properties_say_makes_a_context(properties: dict[str, object]) -> None:
    named = {f"{CONTEXT_PREFIX}{name}": value for name, value in properties.items()}
    context, complaints = read_context(given_context(named))
    assert len(context) + len(complaints) == len(named)


@pytest.mark.parametrize(
    "name",
    [
        "spark.enel.context",
        "spark.enel.contexts.a",
        "Spark.enel.context.a",
        " spark.enel.context.a",
    ],
)
def test_other_properties_give_nothing(name: str) -> None:
    assert list(given_context({name: "1"})) == []


def test_what_is_given_is_no_size_of_executors() -> None:
    properties = {f"{CONTEXT_PREFIX}executor_cores": "7", "spark.executor.cores": "2"}
    assert size_context(properties)["executor_cores"] == 2


def test_what_spark_has_blacked_out_is_left_out() -> None:
    properties = {f"{CONTEXT_PREFIX}token_count": "*********(redacted)"}
    assert list(given_context(properties)) == []
