"""Pauses that rescales cause between two components, which are no part of a component's time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING

from airflow_enel.domain.changes import Change, changes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Component, PastRun, Progress
    from airflow_enel.predict.occurrences import Identity


@dataclass(frozen=True, slots=True)
class Gap:
    """Time before a component in which nothing ran.

    :param seconds: between the latest finish before the component and its start
    :param changes: requested since the start of the component before
    """

    component: Component
    seconds: float
    changes: tuple[Change, ...]


def gaps_of(components: Iterable[Component], changes: Sequence[Change]) -> Iterator[Gap]:
    """The gap before every component but the first, in the order of their starts."""
    latest: float | None = None
    done = 0
    for component in sorted(components, key=attrgetter("started_at", "position")):
        first = done
        while done < len(changes) and changes[done].at <= component.started_at:
            done += 1
        if latest is not None:
            seconds = max(component.started_at - latest, 0.0)
            yield Gap(component, seconds, tuple(changes[first:done]))
        finished_at = component.started_at
        if component.finished_at is not None:
            finished_at = component.finished_at
        latest = finished_at if latest is None else max(latest, finished_at)


@dataclass(frozen=True, slots=True)
class UsualGaps:
    """Seconds before the components of a recurring job that are not due to a rescale.

    :param seconds: median of each component in the runs in which no request preceded it; empty if
        no run has requests, because then none of them is needed
    :param otherwise_s: of the others
    """

    seconds: Mapping[Identity, float]
    otherwise_s: float

    @classmethod
    def of(cls, past_runs: Iterable[PastRun]) -> Self:
        """Learn from past runs."""
        past_runs = tuple(past_runs)
        if not any(run.requests for run in past_runs):
            return cls({}, 0.0)
        found: defaultdict[Identity, list[float]] = defaultdict(list)
        for run in past_runs:
            for gap in gaps_of(run.components, changes_of(run.initial_executors, run.requests)):
                if not gap.changes:
                    found[gap.component.key, gap.component.occurrence].append(gap.seconds)
        usual = {identity: median(seconds) for identity, seconds in found.items()}
        return cls(usual, median(usual.values()) if usual else 0.0)

    def excess_s(self, gap: Gap) -> float:
        """By how much a gap is longer than usual there; below 0 if it is shorter."""
        identity = gap.component.key, gap.component.occurrence
        return gap.seconds - self.seconds.get(identity, self.otherwise_s)

    def remove_from_run(self, run: PastRun) -> PastRun:
        """A past run without its pauses."""
        components, paused_s = self._removed(
            run.components, changes_of(run.initial_executors, run.requests)
        )
        if not paused_s:
            return run
        return replace(run, components=components, runtime_s=run.runtime_s - paused_s)

    def remove_from_progress(self, progress: Progress) -> Progress:
        """The progress of a run without its pauses; elapsed seconds likewise."""
        changes = changes_of(progress.initial, progress.requests)
        running = () if progress.running is None else (progress.running,)
        components, paused_s = self._removed((*progress.finished, *running), changes)
        if not paused_s:
            return progress
        finished = components[: len(progress.finished)]
        elapsed_s = max(progress.elapsed_s - paused_s, 0.0)
        return replace(progress, finished=finished, elapsed_s=elapsed_s)

    def _removed(
        self, components: tuple[Component, ...], changes: Sequence[Change]
    ) -> tuple[tuple[Component, ...], float]:
        """Components without their pauses, and the seconds of all of these."""
        if not changes or not self.seconds:
            return components, 0.0
        pauses: dict[int, float] = {}
        for gap in gaps_of(components, changes):
            added_s = gap.component.added_s
            longest_s = gap.seconds if added_s is None else min(added_s, gap.seconds)
            if gap.changes and (pause_s := min(self.excess_s(gap), longest_s)) > 0:
                pauses[gap.component.position] = pause_s
        without = tuple(
            c
            if c.added_s is None or c.position not in pauses
            else replace(c, added_s=c.added_s - pauses[c.position])
            for c in components
        )
        return without, sum(pauses.values())
