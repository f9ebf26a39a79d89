"""Deadlines as people and templates write them, and the time that they leave."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.deadline import (
    DagRunMoment,
    deadline_at,
    nearest_deadline,
    parse_deadline,
    target_of_deadline,
)
from airflow_enel.domain import DagRunOutlook, TargetSource

BERLIN = ZoneInfo("Europe/Berlin")
SIX = datetime(2026, 1, 2, 6, tzinfo=timezone.utc)
NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc).timestamp()
DUE = {DagRunMoment.RUN_AFTER: SIX}


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (None, None),
        (SIX, SIX),
        (pendulum.datetime(2026, 1, 2, 7, tz="Europe/Berlin"), SIX),
        ("2026-01-02T06:00:00+00:00", SIX),
        (" 2026-01-02 06:00:00+00:00\n", SIX),
        ("2026-01-02T06:00:00Z", SIX),
        ("2026-01-02T07:00:00.000000+01:00", SIX),
        (timedelta(hours=2), timedelta(hours=2)),
        ("PT2H", timedelta(hours=2)),
        ("2:00:00", timedelta(hours=2)),
        ("1 day, 2:00:00", timedelta(hours=26)),
    ],
)
def test_moments_and_times_are_read_as_written_and_as_rendered(value: Any, parsed: Any) -> None:
    assert parse_deadline(value) == parsed


@pytest.mark.parametrize("value", [SIX, SIX.astimezone(BERLIN), pendulum.instance(SIX)])
def test_a_moment_survives_a_template(value: datetime) -> None:
    assert parse_deadline(str(value)) == parse_deadline(value.isoformat()) == SIX


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 1, 2, 6), "2026-01-02T06:00:00", "2026-01-02"],  # noqa: DTZ001 - refused
)
def test_a_moment_without_a_time_zone_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="has no time zone; write for instance timedelta"):
        parse_deadline(value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "None", "soon", "nan", "{{ params.deadline }}", "20260102", "7200", "-1:00:00"),
        *("PT0S", "25", "2026-13-01T00:00:00Z", "2026-01-02T06:00:00ZZ", "P1M"),
        *(timedelta(0), timedelta(seconds=-1), 7200, 7200.0, True, date(2026, 1, 2), ["PT2H"]),
    ],
)
def test_what_is_no_deadline_is_refused_with_examples(value: Any) -> None:
    with pytest.raises(ValueError, match=r"deadline is .*timedelta\(hours=2\)"):
        parse_deadline(value)


@given(st.text())
def test_any_text_gives_a_deadline_or_a_clear_error(text: str) -> None:
    try:
        parsed = parse_deadline(text)
    except ValueError as error:
        assert "deadline is" in str(error)  # noqa: PT017 - either may happen
    else:
        assert parsed is not None


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta.max))
def test_any_time_gives_a_moment_or_a_clear_error(time: timedelta) -> None:
    for value in (time, str(time)):
        parsed = parse_deadline(value)
        assert isinstance(parsed, timedelta)
        try:
            at = deadline_at(parsed, DUE, DagRunMoment.RUN_AFTER)
        except ValueError as error:
            assert "beyond the year 9999" in str(error)  # noqa: PT017 - either may happen
        else:
            assert at > SIX.timestamp()


def test_a_moment_is_the_deadline_whatever_the_dag_run() -> None:
    assert deadline_at(SIX, {}, DagRunMoment.LOGICAL_DATE) == SIX.timestamp()


@pytest.mark.parametrize("moment", DagRunMoment)
def test_a_time_counts_from_the_moment_that_is_asked_for(moment: DagRunMoment) -> None:
    others = {other: SIX - timedelta(days=1) for other in DagRunMoment} | {moment: SIX}
    assert deadline_at(timedelta(hours=2), others, moment) == SIX.timestamp() + 7200


def test_a_moment_that_the_dag_run_lacks_is_named_with_others_to_use() -> None:
    with pytest.raises(ValueError, match=r"logical_date of the DAG run, which has none.*run_after"):
        deadline_at(timedelta(hours=2), {**DUE}, DagRunMoment.LOGICAL_DATE)


@pytest.mark.parametrize("make", [datetime, pendulum.datetime], ids=["zoneinfo", "pendulum"])
@pytest.mark.parametrize(("month", "day", "utc_hour"), [(3, 29, 23), (10, 25, 22)])
def test_a_time_is_elapsed_time_when_clocks_change(
    make: Any, month: int, day: int, utc_hour: int
) -> None:
    zone = {"tzinfo": BERLIN} if make is datetime else {"tz": "Europe/Berlin"}
    due = {DagRunMoment.RUN_AFTER: make(2026, month, day, **zone)}  # midnight in Berlin
    expected = datetime(2026, month, day, utc_hour, tzinfo=timezone.utc)
    assert deadline_at(timedelta(hours=24), due, DagRunMoment.RUN_AFTER) == expected.timestamp()


@pytest.mark.parametrize(("fold", "utc_hour"), [(0, 0), (1, 1)])
def test_the_hour_that_comes_twice_is_the_one_that_is_meant(fold: int, utc_hour: int) -> None:
    half_past_two = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold)
    expected = datetime(2026, 10, 25, utc_hour, 30, tzinfo=timezone.utc)
    assert deadline_at(half_past_two, {}, DagRunMoment.RUN_AFTER) == expected.timestamp()


# The nearest of several


@pytest.mark.parametrize(
    ("deadlines", "nearest"),
    [
        ((), None),
        ((5.0, 20.0, 30.0), 20.0),
        ((30.0, 20.0), 20.0),
        ((5.0, 7.0), 7.0),
        ((10.0,), 10.0),
    ],
)
def test_the_next_deadline_counts_and_else_the_last(
    deadlines: tuple[float, ...], nearest: float | None
) -> None:
    assert nearest_deadline(deadlines, now=10.0) == nearest


# The target


def target(left_s: float, outlook: DagRunOutlook | None) -> Any:
    return target_of_deadline(NOON, TargetSource.DEADLINE_ALERT, outlook, NOON - left_s)


def test_the_target_is_what_is_left_less_what_follows_and_the_start() -> None:
    outlook = DagRunOutlook((), ("load", "publish"), 40.0, ("mail",), 20.0)
    made = target(600.0, outlook)
    assert (made.runtime_s, made.overdue_s, made.deadline_at) == (540.0, 0.0, NOON)
    assert made.reason == (
        "the deadline 2026-01-02 12:00:00 UTC (deadline_alert) is 600 s ahead, 40 s are kept for "
        "the tasks that follow (load → publish), 20 s for the start, nothing for mail, without a "
        "history"
    )


def test_a_dag_run_in_which_nothing_follows_leaves_all_the_time() -> None:
    made = target(600.0, DagRunOutlook())
    assert (made.runtime_s, made.reason.endswith("600 s ahead")) == (600.0, True)


def test_without_an_outlook_the_time_until_the_deadline_is_the_target_and_that_is_said() -> None:
    made = target(600.0, None)
    assert (made.runtime_s, "is not known" in made.reason) == (600.0, True)


def test_a_deadline_that_has_passed_leaves_no_time_and_says_how_late_it_is() -> None:
    made = target(-360.0, DagRunOutlook((), ("load",), 40.0, (), None))
    assert (made.runtime_s, made.overdue_s) == (0.0, 400.0)
    assert "has passed 360 s ago" in made.reason


def test_a_deadline_that_what_follows_will_miss_anyway_is_overdue() -> None:
    assert target(30.0, DagRunOutlook((), ("load",), 40.0, (), None)).overdue_s == 10.0


def test_a_deadline_before_the_usual_start_up_is_over_leaves_no_time() -> None:
    made = target(15.0, DagRunOutlook((), (), 0.0, (), 20.0))
    assert (made.runtime_s, made.overdue_s) == (0.0, 5.0)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.none() | st.floats(0, 1e4))
def test_the_target_is_what_is_left_and_never_negative(
    left_s: float, following_s: float, start_up_s: float | None
) -> None:
    made = target(left_s, DagRunOutlook((), (), following_s, (), start_up_s))
    assert 0 <= made.runtime_s <= max(left_s + 0.001, 0.0)
    assert (made.overdue_s > 0) <= (made.runtime_s == 0)
