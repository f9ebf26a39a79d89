"""What Spark's properties say of a run."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_enel.domain import RunContext
from airflow_enel.domain.context import MAX_ENTRIES, MAX_NAME, MAX_TEXT, read_context
from airflow_enel.spark.properties import (
    CONTEXT_PREFIX,
    context_properties,
    given_context,
    size_context,
)

NAMES = st.text(min_size=1, max_size=MAX_NAME).filter(
    lambda name: "\x00" not in name and name.isprintable()
)


@given(st.dictionaries(NAMES, st.integers(-(2**63), 2**63 - 1), max_size=MAX_ENTRIES))
def test_numbers_given_by_properties_are_read_as_they_were_meant(values: dict[str, int]) -> None:
    properties = {f"{CONTEXT_PREFIX}{name}": str(value) for name, value in values.items()}
    context, complaints = read_context(given_context({"spark.app.name": "job", **properties}))
    assert dict(context) == values
    assert complaints == ()


WRITABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
VALUES = st.text(WRITABLE, max_size=MAX_TEXT) | st.integers(-(2**63), 2**63 - 1)
VALUES |= st.floats(allow_nan=False, allow_infinity=False)
CONTEXTS = st.dictionaries(
    st.text(WRITABLE, min_size=1, max_size=MAX_NAME), VALUES, max_size=MAX_ENTRIES
)


NOT_READ = ("*********(redacted)", "{{ macros.enel.")
"""What Spark blacks out, and templates of ours that were not rendered: never a value."""


@given(CONTEXTS)
def test_a_context_written_as_properties_is_read_as_it_was(values: dict[str, str | float]) -> None:
    assume(not any(str(value).startswith(NOT_READ) for value in values.values()))
    context, _ = read_context(values.items())
    properties = context_properties(context)
    assert read_context(given_context(properties)) == (context, ())
    for name, value in properties.items():
        assert (name + value).isascii()
        assert (name + value).isprintable()
        assert "=" not in name
        assert " " not in name
        assert value == value.strip()


def test_plain_entries_are_written_as_users_write_them() -> None:
    context = RunContext.of({"site": "Rome, north", "input_mib": 512, "share": 0.25})
    assert context_properties(context) == {
        "spark.enel.context.input_mib": "512",
        "spark.enel.context.share": "0.25",
        "spark.enel.context.site": "Rome, north",
    }


def test_a_template_that_is_not_rendered_yet_says_nothing() -> None:
    values = {"a": "", "b": "{{ macros.enel.context_value(name='b') }}", "c": "json:none"}
    named = {f"{CONTEXT_PREFIX}{name}": value for name, value in values.items()}
    assert list(given_context(named)) == [("a", ""), ("c", "json:none")]


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
