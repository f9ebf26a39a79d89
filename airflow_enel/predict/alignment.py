"""Aligns the components of past runs in tables, and locates the present run among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.occurrences import Occurrences
from airflow_enel.predict.samples import median_of_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.domain import Component, PastRun, Progress, RunContext
    from airflow_enel.predict.occurrences import Identity
    from airflow_enel.predict.samples import BoolArray, FloatArray, IndexArray


@dataclass(frozen=True, slots=True)
class Alignment:
    """``n`` past runs, oldest first, by ``m`` component identities.

    :param columns: the column of every identity
    :param occurrences: which of them have the same key
    :param position: place within the run, NaN where a run did not have it, ``(n, m)``
    :param ended: the same in the order in which they finished, ``(n, m)``
    :param added_s: seconds it added to the run, NaN as above, ``(n, m)``
    :param executors: its mean executors, at least 1, NaN as above, ``(n, m)``
    :param start: executors at its start, NaN as above, ``(n, m)``
    :param ready: those of them that had been there all along the component before, too, likewise:
        later ones may have no cached data yet
    :param clean: True where no executor came or went inside it, ``(n, m)``
    :param tail_s: seconds between the last finish and the end of the run, ``(n,)``
    :param began: executors of its first component, ``(n,)``
    :param initial: executors that each was started with, 0 if not known, ``(n,)``
    :param by_request: True for runs with requests that have lost none, whose executors came and
        went because of these, ``(n,)``
    :param order: columns in the order of their median places, ``(m,)``
    :param contexts: what was known of each run at its start, ``(n,)``
    :param started_at: when each run began, ``(n,)``
    :param input_bytes: what each component read from storage, 0 if nothing, ``(n, m)``
    :param evidence: how much each run says of which components come, ``(n,)``
    """

    columns: dict[Identity, int]
    occurrences: Occurrences
    position: FloatArray
    ended: FloatArray
    added_s: FloatArray
    executors: FloatArray
    start: FloatArray
    ready: FloatArray
    clean: BoolArray
    tail_s: FloatArray
    began: FloatArray
    initial: FloatArray
    by_request: BoolArray
    order: NDArray[np.intp]
    contexts: tuple[RunContext, ...]
    started_at: FloatArray
    input_bytes: FloatArray
    evidence: FloatArray

    @classmethod
    def of(cls, past_runs: Sequence[PastRun]) -> Self:
        """Align past runs; components that never finished are left out, then empty runs."""
        columns: dict[Identity, int] = {}
        kept: list[PastRun] = []
        cells: list[tuple[float, ...]] = []
        counts: list[int] = []
        for run in sorted(past_runs, key=lambda run: (run.started_at, run.run_id)):
            of_run = _cells(run, columns)
            if of_run:
                kept.append(run)
                cells += of_run
                counts.append(len(of_run))
        table = np.array(cells, dtype=np.float64).reshape(-1, 8).T
        column, place, seconds, mean, start, end, disturbed, read_bytes = table
        row, begin = np.repeat(np.arange(len(kept)), counts), np.cumsum([0, *counts])[:-1]
        here = row, column.astype(np.intp)
        shape = len(kept), len(columns)
        position, ended, added, executors, begun, ready = np.full((6, *shape), np.nan)
        clean, read = np.zeros(shape, dtype=np.bool_), np.zeros(shape)
        steady = start == end
        size = np.maximum(np.where(mean > 0, mean, end), 1.0)
        begun[here] = start = np.where(start > 0, start, size)
        ready[here] = _ready(start, begin)
        position[here], added[here], executors[here] = place, seconds, size
        ended[here] = np.arange(row.size) - begin[row]
        read[here] = read_bytes
        clean[here] = (disturbed == 0) & steady
        runtime_s = np.array([run.runtime_s for run in kept], dtype=np.float64)
        tail_s = np.maximum(runtime_s - np.bincount(row, seconds, len(kept)), 0.0)
        first = np.lexsort((place, row))[begin]
        order = np.argsort(median_of_columns(position), kind="stable")
        return cls(
            columns,
            Occurrences.of(columns),
            position,
            ended,
            added,
            executors,
            begun,
            ready,
            clean,
            tail_s,
            size[first],
            np.array([run.initial_executors for run in kept], dtype=np.float64),
            np.array([bool(run.requests) and not run.executors_lost for run in kept], dtype=bool),
            order,
            tuple(run.context for run in kept),
            np.array([run.started_at for run in kept], dtype=np.float64),
            read,
            np.ones(len(kept)),
        )

    def kinds(self) -> BoolArray:
        """Whether each run had a component of each key, ``(n, keys)``."""
        kinds: BoolArray = (~np.isnan(self.position)) @ self.occurrences.member > 0
        return kinds

    def before_any_change(self) -> BoolArray:
        """Components in which and before which executors neither came nor went, ``(n, m)``."""
        moved = ~self.clean | (np.abs(self.executors - self.began[:, None]) > 0.5)  # noqa: PLR2004
        there = ~np.isnan(self.ended)
        first = np.where(there & moved, self.ended, np.inf).min(axis=1)
        before: BoolArray = there & (self.ended < first[:, None])
        return before

    def fewest_executors(self) -> NDArray[np.intp]:
        """Whole executors with which each component has run at least, ``(m,)``."""
        seen = np.where(np.isnan(self.executors), np.inf, self.executors)
        fewest: NDArray[np.intp] = np.maximum(np.rint(seen.min(axis=0)), 1.0).astype(np.intp)
        return fewest

    def explored(self, progress: Progress) -> int:
        """Finished components of a run that had fewer executors than in any past run."""
        fewest = self.fewest_executors()
        return sum(
            executors_of(component) < fewest[column] - 0.5
            for component in progress.finished
            if (column := self.column(component)) is not None
        )

    @property
    def first(self) -> FloatArray:
        """Executors that each run had at first, as far as that is known, ``(n,)``."""
        first: FloatArray = np.maximum(self.began, self.initial)
        return first

    def settled(self) -> BoolArray:
        """Clean components all of whose executors were ready, ``(n, m)``."""
        settled: BoolArray = self.clean & (self.ready == self.start)
        return settled

    def after_growth(self) -> BoolArray:
        """Settled components on more executors than their run had at first, ``(n, m)``."""
        later: BoolArray = self.settled() & (self.executors > self.first[:, None] + 0.5)
        return later

    def column(self, component: Component) -> int | None:
        """The column of a component of the present run, None if no past run had it."""
        return self.columns.get((component.key, component.occurrence))

    def shares(self, progress: Progress) -> FloatArray:
        """Probability that each component comes after the ones that have finished; ``(m,)``.

        The anchor is the component of this run that finished last of those that any past run had.
        Comparable are the past runs that had it, all of them without an anchor. A component
        counts with the share of the comparable runs in which it finished after the anchor, 0 if
        it has finished here, 1 if it runs: also if its key has finished here with a greater
        occurrence, which began later. Runs in which it finished before the anchor are no
        evidence, because here it has not; if all did, order never varies and it was left out.
        Components of this run that no past run had are passed over.

        After the anchor the next of a key is the one with the next occurrence where runs have as
        many of it in whatever order, but the next that came after the anchor where as many come
        then whatever came before: the number that varied less between runs decides.
        """
        known = [
            column
            for c in sorted(progress.finished, key=_finish)
            if (column := self.column(c)) is not None
        ]
        shares = self._shares_after(known)
        shares[self.occurrences.before(known)] = 1.0
        shares[known] = 0.0
        running = self.running(progress)
        if running is not None:
            shares[running] = 1.0
        return shares

    def _shares_after(self, known: Sequence[int]) -> FloatArray:
        """Shares from past runs, after these columns have finished in this order."""
        later, weight = ~np.isnan(self.ended), self.evidence[:, None]
        earlier = np.zeros_like(later)
        if known:
            anchor = self.ended[:, known[-1]][:, None]
            comparable = later[:, known[-1]]
            later, earlier = (self.ended > anchor)[comparable], (self.ended <= anchor)[comparable]
            weight = weight[comparable]
        finished = np.zeros(len(self.columns), dtype=np.bool_)
        finished[known] = True
        count = self.occurrences.count
        after, before = count(later), count(earlier)
        by_number = _scatter(before + after) <= _scatter(after)
        # How many of its key a run had after the anchor before it was the turn of this one.
        ahead = np.where(by_number, count(finished) - before, 0.0)
        ahead += self.occurrences.turns(known)
        evidence = weight * (ahead >= 0)
        came = (evidence * (after > ahead)).sum(axis=0)
        total = evidence.sum(axis=0)
        shares: FloatArray = came / np.where(total > 0, total, 1.0)
        return shares

    def running(self, progress: Progress) -> int | None:
        """The column of the component that runs, None if none runs or no past run had it."""
        return None if progress.running is None else self.column(progress.running)

    def following(self, shares: FloatArray) -> int | None:
        """The first component by its median place among those more likely to come than not."""
        likely = self.order[shares[self.order] >= 0.5]  # noqa: PLR2004 - more likely than not
        return int(likely[0]) if likely.size else None


def _cells(run: PastRun, columns: dict[Identity, int]) -> list[tuple[float, ...]]:
    """What is known of each finished component of a run, in order; new ones get a column."""
    return [
        (
            columns.setdefault((c.key, c.occurrence), len(columns)),
            c.position,
            added_s,
            c.scale_out.mean,
            c.scale_out.start,
            c.scale_out.end,
            c.disturbed,
            c.input_bytes,
        )
        for c in sorted(run.components, key=_finish)
        if (added_s := c.added_s) is not None and 0 <= added_s < np.inf
    ]


def _ready(start: FloatArray, begin: IndexArray) -> FloatArray:
    """Executors at the start of components that were there at the start of the one before, too.

    :param start: executors, in the order in which components finished, run by run, ``(k,)``
    :param begin: places of the first components of runs
    """
    before = np.concatenate([start[:1], start[:-1]])
    before[begin] = start[begin]
    ready: FloatArray = np.minimum(start, before)
    return ready


def _finish(component: Component) -> tuple[float, int]:
    """Sort key: order of finishing."""
    return component.finished_at or 0.0, component.position


def _scatter(counts: FloatArray) -> FloatArray:
    """Scatter of counts ``(n, m)`` between runs, without rounding, ``(m,)``."""
    scatter: FloatArray = len(counts) * (counts**2).sum(axis=0) - counts.sum(axis=0) ** 2
    return scatter


def executors_of(component: Component) -> float:
    """Mean executors of a component, at least 1."""
    return max(component.scale_out.mean or component.scale_out.end, 1.0)


def is_clean(component: Component) -> bool:
    """True if no executor came or went inside a component."""
    return not component.disturbed and component.scale_out.start == component.scale_out.end
