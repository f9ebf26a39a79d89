"""Guards against executors that the cluster does not have, and against too few for cached data."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import GuardNote
from airflow_enel.domain.changes import changes_of

if TYPE_CHECKING:
    from airflow_enel.control.guards.base import GuardContext, Limits
    from airflow_enel.domain import Progress
    from airflow_enel.domain.changes import Change


_GIB: Final = 2**30


@dataclass(frozen=True, slots=True)
class UnmetGrowth:
    """A request for more executors that did not come true.

    :param asked: executors that were asked for
    :param came: the most that were there while at least so many were asked for, or are there now
    """

    asked: int
    came: int


def observed_cap(executors: int, context: GuardContext) -> GuardNote | None:
    """Ask for no more than what came when more was asked for.

    What was asked for stays asked for: it comes as soon as the cluster has room, and then the cap
    is lifted. A cap that a release has left behind ends by itself, so that growth is tried again.
    """
    progress = context.progress
    unmet = unmet_growth(progress, context.now, context.limits, context.plant.start_delay_s)
    if unmet is None:
        return None
    allowed = max(unmet.came, progress.requested)
    if executors <= allowed:
        return None
    return GuardNote("observed cap", allowed, f"of {unmet.asked} asked for only {unmet.came} came")


def cached_data(executors: int, context: GuardContext) -> GuardNote | None:
    """Keep as many executors as the cached data need, if it is known of them."""
    progress = context.progress
    if executors >= progress.requested or not progress.storage_bytes:
        return None
    usable = context.limits.cache_share * progress.storage_bytes
    needed = min(ceil(progress.cached_bytes / usable), progress.requested)
    if executors >= needed:
        return None
    size = progress.cached_bytes / _GIB
    return GuardNote("cached data", needed, f"{size:.1f} GiB are cached")


def unmet_growth(
    progress: Progress, now: float, limits: Limits, start_delay_s: float
) -> UnmetGrowth | None:
    """The latest growth that did not come true, None if it need not be heeded any more.

    :param start_delay_s: usual seconds from a request to its executors
    """
    patience_s = max(limits.patience_s, limits.patience_delays * start_delay_s)
    changes = changes_of(progress.initial, progress.requests)
    for index, change in reversed(list(enumerate(changes))):
        later = changes[index + 1 :]
        until = next((c.at for c in later if c.after < change.after), now)
        if change.after < change.before or until - change.at < patience_s:
            continue
        if until + limits.cap_s < now:
            return None
        seen = _most_seen(progress, change, until, now)
        if seen is not None and seen < change.after:
            return UnmetGrowth(change.after, max(seen, progress.executors))
    return None


def _most_seen(progress: Progress, change: Change, until: float, now: float) -> int | None:
    """The most executors after a change, None if none were counted."""
    sizes = [
        component.scale_out.end
        for component in progress.finished
        if component.finished_at is not None and change.at < component.finished_at <= until
    ]
    if until == now:
        sizes.append(progress.executors)
    return max(sizes, default=None)
