"""What is wrong with the events of an application is counted and said in words."""

from __future__ import annotations

import pytest

from airflow_enel.spark.event_defects import EventDefects
from airflow_enel.spark.event_fields import count


def test_events_without_flaws_have_no_words() -> None:
    assert (EventDefects().in_words(), EventDefects().field_note) == ((), None)


def test_unreadable_events_are_counted_and_the_first_is_named() -> None:
    defects = EventDefects()
    defects.add_unreadable("JobStart", KeyError("Job ID"))
    assert defects.in_words() == ("1 unreadable event, first JobStart: 'Job ID' is missing",)
    defects.add_unreadable("JobEnd", TypeError("Job ID is no number"))
    assert defects.in_words() == ("2 unreadable events, first JobStart: 'Job ID' is missing",)


def test_a_field_that_can_be_done_without_is_left_out_unless_that_is_strict() -> None:
    defects = EventDefects(strict=False)
    assert defects.optional(count, {"Cores": 2}, "Cores") == 2
    assert defects.optional(count, {"Cores": "many"}, "Cores") is None
    assert defects.field_note == "1 unreadable field left out, first 'Cores'"
    with pytest.raises(TypeError):
        EventDefects(strict=True).optional(count, {"Cores": "many"}, "Cores")


@pytest.mark.parametrize(("at", "told"), [(10.0, False), (9.5, False), (8.9, True)])
def test_a_time_more_than_a_second_too_early_is_a_contradiction(at: float, told: bool) -> None:
    defects = EventDefects()
    defects.check_order("the end of job 3", None, 0.0)
    defects.check_order("the end of job 3", 10.0, at)
    assert bool(defects.in_words()) is told
