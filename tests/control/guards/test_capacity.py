from dataclasses import replace

from airflow_enel.control.guards import Limits
from airflow_enel.control.guards.capacity import cached_data, observed_cap
from airflow_enel.domain import GuardNote
from tests.support.builders.guards import changed, guard_context, with_sizes
from tests.support.builders.snapshots import START

LIMITS = Limits(patience_s=100.0, cap_s=300.0)
LONG_AFTER = START + 110.0
STUCK = replace(changed((5.0, 10)), executors=7)
"""Ten were asked for 105 s ago, seven are there."""


def capped(executors, seen, now=LONG_AFTER):
    return observed_cap(executors, guard_context(seen, limits=LIMITS, now=now))


def test_asks_for_no_more_than_was_asked_for_in_vain():
    assert capped(12, STUCK) == GuardNote("observed cap", 10, "of 10 asked for only 7 came")


def test_keeps_asking_for_what_has_not_come():
    assert capped(10, STUCK) is None


def test_says_nothing_of_releases():
    assert capped(4, STUCK) is None


def test_waits_for_executors_on_their_way():
    assert capped(12, STUCK, now=START + 104.0) is None


def test_waits_longer_for_a_cluster_that_is_slow_to_start():
    slow = guard_context(STUCK, limits=LIMITS, now=LONG_AFTER)
    slow = replace(slow, plant=replace(slow.plant, start_delay_s=36.0))
    assert observed_cap(12, slow) is None


def test_ends_when_the_executors_come_after_all():
    assert capped(12, replace(STUCK, executors=10)) is None


def test_losing_executors_that_had_come_is_no_cap():
    assert capped(12, with_sizes(STUCK, (50.0, 10))) is None


def test_larger_requests_do_not_begin_the_wait_anew():
    assert capped(12, replace(changed((5.0, 9), (90.0, 10)), executors=7)).executors == 10


class TestAfterRelease:
    SEEN = with_sizes(changed((5.0, 10), (120.0, 5)), (110.0, 7))

    def test_holds_growth_down_to_what_came(self):
        assert capped(12, self.SEEN, START + 130.0).executors == 7

    def test_allows_growth_up_to_it(self):
        assert capped(7, self.SEEN, START + 130.0) is None

    def test_ends_after_a_while(self):
        assert capped(12, self.SEEN, START + 421.0) is None

    def test_of_a_request_that_was_soon_withdrawn_nothing_is_learned(self):
        soon = with_sizes(changed((5.0, 10), (50.0, 5)), (40.0, 7))
        assert capped(12, soon, START + 130.0) is None


class TestCachedData:
    """5 GiB are cached; an executor has 2 GiB, of which half may hold them."""

    LIMITS = Limits(cache_share=0.5)
    SEEN = replace(changed(initial=8), cached_bytes=5 * 2**30, storage_bytes=2 * 2**30)

    def kept(self, executors, seen=SEEN):
        return cached_data(executors, guard_context(seen, limits=self.LIMITS))

    def test_keeps_enough_executors_for_them(self):
        assert self.kept(2) == GuardNote("cached data", 5, "5.0 GiB are cached")
        assert self.kept(5) is None

    def test_what_does_not_fit_any_more_releases_nothing(self):
        assert self.kept(2, replace(self.SEEN, cached_bytes=50 * 2**30)).executors == 8

    def test_says_nothing_of_growth(self):
        assert self.kept(9, replace(self.SEEN, cached_bytes=50 * 2**30)) is None

    def test_without_cached_data_or_without_knowing_it_passes_everything(self):
        assert self.kept(1, replace(self.SEEN, cached_bytes=0)) is None
        assert self.kept(1, replace(self.SEEN, storage_bytes=0)) is None
