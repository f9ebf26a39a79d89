"""Past runs as tables of components, and where the present run stands among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Component, PastRun, Progress
    from airflow_enel.predict.samples import BoolArray, FloatArray

Identity: TypeAlias = tuple[str, int]
"""Key and occurrence: what makes components of different runs the same."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """``n`` past runs, oldest first, by ``m`` component identities.

    :param columns: the column of every identity
    :param position: place within the run, NaN where a run did not have it, ``(n, m)``
    :param added_s: seconds it added to the run, NaN as above, ``(n, m)``
    :param executors: its mean executors, at least 1, NaN as above, ``(n, m)``
    :param clean: True where no executor came or went inside it, ``(n, m)``
    :param tail_s: seconds between the last finish and the end of the run, ``(n,)``
    """

    columns: dict[Identity, int]
    position: FloatArray
    added_s: FloatArray
    executors: FloatArray
    clean: BoolArray
    tail_s: FloatArray

    @classmethod
    def of(cls, past_runs: Sequence[PastRun]) -> Self:
        """Align past runs; components that never finished are left out, then empty runs."""
        runs = sorted(past_runs, key=lambda run: (run.started_at, run.run_id))
        runs = [run for run in runs if any(True for _ in _usable(run))]
        columns: dict[Identity, int] = {}
        for run in runs:
            for component, _ in _usable(run):
                columns.setdefault((component.key, component.occurrence), len(columns))
        position, added, executors = np.full((3, len(runs), len(columns)), np.nan)
        clean = np.zeros(position.shape, dtype=np.bool_)
        for row, run in enumerate(runs):
            for component, added_s in _usable(run):
                cell = row, columns[component.key, component.occurrence]
                scale_out = component.scale_out
                position[cell], added[cell] = component.position, added_s
                executors[cell] = max(scale_out.mean or scale_out.end, 1.0)
                clean[cell] = not component.disturbed and scale_out.start == scale_out.end
        tail = [run.runtime_s - sum(added_s for _, added_s in _usable(run)) for run in runs]
        return cls(columns, position, added, executors, clean, np.maximum(np.array(tail), 0.0))

    def column(self, component: Component) -> int | None:
        """The column of a component of the present run, None if no past run had it."""
        return self.columns.get((component.key, component.occurrence))

    def shares(self, progress: Progress) -> FloatArray:
        """How much each component is to be expected after the ones that have finished; ``(m,)``.

        The anchor is the last finished component of this run that any past run had. Comparable
        are the past runs that had it, all of them without an anchor. A component counts with the
        share of the comparable runs in which it came after the anchor, 0 if it has finished
        here, 1 if it runs. Components of this run that no past run had are passed over.
        """
        known = [column for c in progress.finished if (column := self.column(c)) is not None]
        later = ~np.isnan(self.position)
        if known:
            anchor = self.position[:, known[-1]]
            later = (self.position > anchor[:, None])[~np.isnan(anchor)]
        shares: FloatArray = later.mean(axis=0)
        shares[known] = 0.0
        running = self.running(progress)
        if running is not None:
            shares[running] = 1.0
        return shares

    def running(self, progress: Progress) -> int | None:
        """The column of the component that runs, None if none runs or no past run had it."""
        return None if progress.running is None else self.column(progress.running)

    def following(self, shares: FloatArray) -> int | None:
        """The first component by its median place among those more likely to come than not."""
        likely = np.flatnonzero(shares >= 0.5)  # noqa: PLR2004 - more likely than not
        if not likely.size:
            return None
        return int(likely[np.nanmedian(self.position[:, likely], axis=0).argmin()])


def _usable(run: PastRun) -> Iterator[tuple[Component, float]]:
    """Components of a run with the seconds they added."""
    for component in run.components:
        added_s = component.added_s
        if added_s is not None and 0 <= added_s < np.inf:
            yield component, added_s
