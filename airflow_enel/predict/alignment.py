"""Past runs as tables of components, and where the present run stands among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from airflow_enel.predict.samples import median_of_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
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
    :param began: executors of its first component, ``(n,)``
    :param order: columns in the order of their median places, ``(m,)``
    """

    columns: dict[Identity, int]
    position: FloatArray
    added_s: FloatArray
    executors: FloatArray
    clean: BoolArray
    tail_s: FloatArray
    began: FloatArray
    order: NDArray[np.intp]

    @classmethod
    def of(cls, past_runs: Sequence[PastRun]) -> Self:
        """Align past runs; components that never finished are left out, then empty runs."""
        columns: dict[Identity, int] = {}
        runs = []
        for run in sorted(past_runs, key=lambda run: (run.started_at, run.run_id)):
            cells = [
                (
                    columns.setdefault((c.key, c.occurrence), len(columns)),
                    c.position,
                    added_s,
                    c.scale_out.mean,
                    c.scale_out.start,
                    c.scale_out.end,
                    c.disturbed,
                )
                for c in run.components
                if (added_s := c.added_s) is not None and 0 <= added_s < np.inf
            ]
            if cells:
                runs.append((run.runtime_s, np.array(cells, dtype=np.float64).T))
        position, added, executors, clean = np.full((4, len(runs), len(columns)), np.nan)
        tail_s, began = np.zeros((2, len(runs)))
        for row, (runtime_s, (column, place, added_s, mean, start, end, disturbed)) in enumerate(
            runs
        ):
            here = row, column.astype(np.intp)
            size = np.maximum(np.where(mean > 0, mean, end), 1.0)
            position[here], added[here], executors[here] = place, added_s, size
            clean[here] = (disturbed == 0) & (start == end)
            tail_s[row] = max(runtime_s - added_s.sum(), 0.0)
            began[row] = size[place.argmin()]
        order = np.argsort(median_of_columns(position), kind="stable")
        return cls(columns, position, added, executors, clean > 0, tail_s, began, order)

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


def executors_of(component: Component) -> float:
    """Mean executors of a component, at least 1."""
    return max(component.scale_out.mean or component.scale_out.end, 1.0)


def is_clean(component: Component) -> bool:
    """True if no executor came or went inside a component."""
    return not component.disturbed and component.scale_out.start == component.scale_out.end
