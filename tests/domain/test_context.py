"""The context of a run: what it holds, and what users and templates may write."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from airflow_enel.domain import NO_CONTEXT, RunContext
from airflow_enel.domain.context import (
    CALENDAR,
    MAX_ENTRIES,
    calendar_context,
    read_context,
    read_entry,
)
from airflow_enel.spark.properties import context_properties, given_context
from tests.support.builders.strategies import contexts

WIRE = TypeAdapter(RunContext)

anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.integers())
)


@given(contexts)
def test_what_crosses_the_wire_comes_back(context: RunContext) -> None:
    assert WIRE.validate_json(WIRE.dump_json(context)) == context


@given(contexts)
def test_every_value_is_found_under_its_name_in_ascending_order(context: RunContext) -> None:
    names = [name for name, _ in context]
    assert names == sorted(set(names))
    assert all(context.get(name) == value for name, value in context)
    assert len(context) == len(names)


def test_an_unknown_name_has_no_value() -> None:
    assert NO_CONTEXT.get("input_mib") is None
    assert not NO_CONTEXT


@pytest.mark.parametrize(
    "entries",
    [
        (("a", math.nan),),
        (("a", math.inf),),
        (("a", 2**63),),
        (("a", -(2**63) - 1),),
        (("a", True),),
        (("a", None),),
        (("a", "x" * 501),),
        (("a", "\x00"),),
        (("a", "\ud800"),),
        (("", 1),),
        (("x" * 101, 1),),
        (("a\x00", 1),),
        (("b", 1), ("a", 1)),
        (("a", 1), ("a", 1)),
        tuple((f"{n:03}", n) for n in range(MAX_ENTRIES + 1)),
    ],
)
def test_an_impossible_entry_is_refused(entries: Any) -> None:
    with pytest.raises(ValueError, match="context"):
        RunContext(entries)


@pytest.mark.parametrize(
    "body",
    [
        b'{"entries": [["a", true]]}',
        b'{"entries": [["a", NaN]]}',
        b'{"entries": [["a", null]]}',
        b'{"entries": [["a"]]}',
        b'{"entries": [["a", 1, 2]]}',
        b'{"entries": {"a": 1}}',
        b'{"entries": [["b", 1], ["a", 1]]}',
        b'{"entries": [["a", 9223372036854775808]]}',
        b'{"entries": [], "more": 1}',
    ],
)
def test_the_wire_is_strict(body: bytes) -> None:
    with pytest.raises(ValidationError):
        WIRE.validate_json(body)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("512", 512),
        (" 512 ", 512),
        ("-3", -3),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("", ""),
        ("512m", "512m"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        ("4.0.1", "4.0.1"),
        (True, "true"),
        (7, 7),
        (0.25, 0.25),
    ],
)
def test_a_text_that_looks_like_a_number_is_one(written: Any, read: Any) -> None:
    name, value = read_entry("size", written)
    assert (name, value, type(value)) == ("size", read, type(read))


@pytest.mark.parametrize(
    "written",
    ["nan", "-inf", "Infinity", "None", "9" * 30, "1e999", None, math.nan, [1], "x" * 501],
)
def test_what_can_be_no_entry_is_refused_by_its_name_only(written: Any) -> None:
    with pytest.raises(ValueError, match="context 'size'") as caught:
        read_entry("size", written)
    assert "xxx" not in str(caught.value)
    assert "999" not in str(caught.value)


@given(st.lists(st.tuples(anything, anything), max_size=100), contexts)
def test_reading_never_fails_and_every_entry_is_kept_or_complained_of(
    values: list[tuple[object, object]], known: RunContext
) -> None:
    context, complaints = read_context(values, known)
    names = {name for name, _ in context}
    assert {name for name, _ in known} <= names
    assert len(complaints) + len(names - {name for name, _ in known}) <= len(values)
    usable = [n for n, v in values if _usable(n, v)]
    assert len(complaints) == len(values) - len(usable) or len(context) == MAX_ENTRIES


def test_the_author_has_the_last_word_on_what_is_known_anyway() -> None:
    known = RunContext.of({"application": "job.py", "executor_cores": 2})
    context, complaints = read_context([("executor_cores", "4"), ("b", None)], known)
    assert dict(context) == {"application": "job.py", "executor_cores": 4}
    assert len(complaints) == 1


def _usable(name: object, value: object) -> bool:
    try:
        read_entry(name, value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (
            datetime(2026, 1, 31, 0, 59, tzinfo=timezone.utc),
            ["hour 00", "Sat", "day 31", "month end"],
        ),
        (datetime(2028, 2, 28, 15, tzinfo=timezone.utc), ["hour 15", "Mon", "day 28", "no"]),
        (datetime(2028, 2, 29, 9, tzinfo=timezone.utc), ["hour 09", "Tue", "day 29", "month end"]),
        (
            datetime(9999, 12, 31, 23, tzinfo=timezone.utc),
            ["hour 23", "Fri", "day 31", "month end"],
        ),
    ],
)
def test_the_calendar_is_texts_in_the_order_of_its_names(at: datetime, expected: list[str]) -> None:
    assert [calendar_context(at)[name] for name in CALENDAR] == expected


@given(st.datetimes(timezones=st.timezones()))
def test_the_calendar_comes_back_from_properties_as_it_went(at: datetime) -> None:
    known = RunContext.of(calendar_context(at))
    properties = context_properties(known)
    assert read_context(given_context(properties)) == (known, ())


@pytest.mark.parametrize(("utc_hour", "hour"), [(0, "hour 01"), (1, "hour 03"), (2, "hour 04")])
def test_the_hour_that_daylight_saving_skips_is_skipped(utc_hour: int, hour: str) -> None:
    at = datetime(2026, 3, 29, utc_hour, tzinfo=timezone.utc)
    assert calendar_context(at.astimezone(ZoneInfo("Europe/Berlin")))["data_hour"] == hour
