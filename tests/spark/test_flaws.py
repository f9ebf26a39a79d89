"""What is wrong with the events of an application is counted and said in words."""

from __future__ import annotations

import pytest

from airflow_enel.spark.fields import count
from airflow_enel.spark.flaws import Flaws


def test_events_without_flaws_have_no_words() -> None:
    assert (Flaws().in_words(), Flaws().field_note) == ((), None)


def test_unreadable_events_are_counted_and_the_first_is_named() -> None:
    flaws = Flaws()
    flaws.add_unreadable("JobStart", KeyError("Job ID"))
    assert flaws.in_words() == ("1 unreadable event, first JobStart: 'Job ID' is missing",)
    flaws.add_unreadable("JobEnd", TypeError("Job ID is no number"))
    assert flaws.in_words() == ("2 unreadable events, first JobStart: 'Job ID' is missing",)


def test_a_field_that_can_be_done_without_is_left_out_unless_that_is_strict() -> None:
    flaws = Flaws(strict=False)
    assert flaws.optional(count, {"Cores": 2}, "Cores") == 2
    assert flaws.optional(count, {"Cores": "many"}, "Cores") is None
    assert flaws.field_note == "1 unreadable field left out, first 'Cores'"
    with pytest.raises(TypeError):
        Flaws(strict=True).optional(count, {"Cores": "many"}, "Cores")


@pytest.mark.parametrize(("at", "told"), [(10.0, False), (9.5, False), (8.9, True)])
def test_a_time_more_than_a_second_too_early_is_a_contradiction(at: float, told: bool) -> None:
    flaws = Flaws()
    flaws.check_order("the end of job 3", None, 0.0)
    flaws.check_order("the end of job 3", 10.0, at)
    assert bool(flaws.in_words()) is told
