from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.target import parse_runtime_target


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (timedelta(minutes=14), 840.0),
        (840, 840.0),
        (0.5, 0.5),
        ("840", 840.0),
        (" 840.5\n", 840.5),
        ("8.4e2", 840.0),
        ("0:14:00", 840.0),
        ("00:14:00.250", 840.25),
        ("100:00:00", 360000.0),
        ("1 day, 2:00:00", 93600.0),
        ("2 days, 0:00:01", 172801.0),
        ("PT14M", 840.0),
        ("PT1H30M", 5400.0),
        ("pt0.5h", 1800.0),
        ("P1DT2H", 93600.0),
        ("P1W", 604800.0),
        ("PT13M59.5S", 839.5),
    ],
)
def test_reads_what_users_and_templates_write(value, seconds):
    assert parse_runtime_target(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        0.0,
        timedelta(0),
        timedelta(seconds=-5),
        float("nan"),
        float("inf"),
        "",
        "None",
        "nan",
        "inf",
        "-5",
        "0",
        "PT0S",
        "P",
        "PT",
        "P1DT",
        "P1M",
        "14:00",
        "0:99:00",
        "soon",
        "{{ params.target }}",
        "P" + "9" * 30 + "D",
        True,
        [840],
        b"840",
    ],
)
def test_says_what_to_write_instead(value):
    with pytest.raises(ValueError, match="write a duration greater than 0"):
        parse_runtime_target(value)


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9999)))
def test_a_timedelta_survives_a_template(value):
    assert parse_runtime_target(str(value)) == pytest.approx(value.total_seconds())


@given(st.text())
def test_any_text_gives_seconds_or_a_clear_error(text):
    try:
        seconds = parse_runtime_target(text)
    except ValueError as error:
        assert "runtime_target" in str(error)  # noqa: PT017 - either may happen
    else:
        assert 0 < seconds < float("inf")
