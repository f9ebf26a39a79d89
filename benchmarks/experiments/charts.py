"""Charts of the experiments, as PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from airflow_enel.simulation.baselines import ORACLE
from airflow_enel.simulation.figures import Comparison, SeriesFigures
from benchmarks.experiments.comparison import ranked
from benchmarks.experiments.utilization import Pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from airflow_enel.simulation.protocol import Protocol

COLOURS: Final = {
    "oracle": "#999999",
    "enel": "#D55E00",
    "ellis": "#0072B2",
    "ellis-published": "#56B4E9",
    "enel-paper": "#CC79A7",
    "risk-static": "#009E73",
    "bell": "#E69F00",
    "static-maximum": "#000000",
    "spark-dynamic-allocation": "#8C510A",
    "utilization": "#7B3294",
}
"""Told apart with colour-blind eyes too (after Okabe and Ito)."""

_OTHER_COLOUR: Final = "#B2182B"
_MARKERS: Final = "osD^vPX<>*"
_OTHER_MARKER: Final = "d"
_MINUTE_S: Final = 60.0
_WIDTH_IN: Final = 11.0
_DPI: Final = 110


LONG_LABEL = 25
"""Characters of a label of which five do not fit beside each other."""


def as_png(figure: Figure) -> bytes:
    """The picture as a file; it is the same for the same data."""
    FigureCanvasAgg(figure)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=_DPI, metadata={"Software": None})
    return picture.getvalue()


def runtimes(
    series: Sequence[SeriesFigures], protocol: Protocol, policies: Sequence[str], title: str
) -> Figure:
    """Runtime per run, a panel per job: the layout of the paper's Figure 4.

    Lines are medians over campaigns, with their range in faint around them.
    """
    jobs = tuple(dict.fromkeys(one.job for one in series))
    figure, panels = _panels(len(jobs), title)
    for job, axes in zip(jobs, panels, strict=True):
        _phases(axes, protocol)
        of_job = [one for one in series if one.job == job]
        target_min = of_job[0].target_s / _MINUTE_S
        axes.axhline(target_min, color="black", linestyle="--", linewidth=1.2, label="target")
        highest = target_min
        for policy in policies:
            found = [one for one in of_job if one.policy == policy]
            if found:
                highest = max(highest, _runtime_line(axes, found, policy))
        # Profiled runs, and a few runs that took many times as long would press all others flat.
        axes.set_ylim(0, min(highest, 3 * target_min) * 1.06)
        axes.set_title(f"{job}, target {target_min:.0f} min", fontsize=11)
        axes.set_ylabel("runtime, min")
    _finish(figure, panels)
    return figure


def times(series: Sequence[SeriesFigures], protocol: Protocol, title: str) -> Figure:
    """Seconds to learn and to decide per run: the layout of the paper's Figure 5."""
    jobs = tuple(dict.fromkeys(one.job for one in series))
    figure, panels = _panels(len(jobs), title)
    for job, axes in zip(jobs, panels, strict=True):
        _phases(axes, protocol)
        for one in (found for found in series if found.job == job):
            colour = COLOURS.get(one.policy, _OTHER_COLOUR)
            numbers = [run.number for run in one.adaptive]
            learning = [max(run.training_s, 1e-4) for run in one.adaptive]
            deciding = [max(run.deciding_s, 1e-4) for run in one.adaptive]
            axes.plot(numbers, learning, "o-", color=colour, markersize=3.5, linewidth=1,
                      label=f"{one.policy}: learning before the run")  # fmt: skip
            axes.plot(numbers, deciding, "x--", color=colour, markersize=4, linewidth=0.8,
                      label=f"{one.policy}: all decisions of the run")  # fmt: skip
        axes.set_yscale("log")
        axes.set_title(job, fontsize=11)
        axes.set_ylabel("CPU seconds")
    _finish(figure, panels)
    return figure


def costs(comparisons: Mapping[str, Comparison], title: str) -> Figure:
    """Violations and cost of each policy, a panel per mode; bars are standard errors."""
    figure, panels = _panels(len(comparisons), title, columns=3)
    for (mode, comparison), axes in zip(comparisons.items(), panels, strict=True):
        for one in ranked(comparison):
            cost = one.all_jobs["executor_minutes_per_run"]
            missed = one.all_jobs["violations"]
            axes.errorbar(
                cost.mean,
                missed.mean,
                xerr=cost.standard_error,
                yerr=missed.standard_error,
                marker=_marker(one.policy),
                color=COLOURS.get(one.policy, _OTHER_COLOUR),
                linestyle="none",
                label=one.policy,
            )
        axes.set_title(f"mode {mode}", fontsize=11)
        axes.set_xlabel("executor-minutes per run")
        axes.set_ylabel("runs that missed their target")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
    _legend(figure, panels)
    return figure


def utilization(found: Mapping[tuple[int, float], Sequence[Pair]], title: str) -> Figure:
    """Change of runtime and cost over iterations, a line per serial share."""
    figure, (runtime, cost) = _panels(2, title)
    counts = sorted({count for count, _ in found})
    for index, share in enumerate(sorted({share for _, share in found})):
        style: dict[str, Any] = {
            "marker": _MARKERS[index],
            "color": tuple(COLOURS.values())[1 + index],
            "label": f"{share:.0%} serial",
        }
        by_count = [found[count, share] for count in counts]
        runtime.plot(counts, [100 * fmean(p.longer for p in pairs) for pairs in by_count], **style)
        cost.plot(counts, [100 * fmean(p.dearer for p in pairs) for pairs in by_count], **style)
    runtime.set_ylabel("change of runtime, %")
    cost.set_ylabel("change of executor-minutes, %")
    for axes in (runtime, cost):
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_xlabel("iterations")
        axes.grid(alpha=0.25)
    _legend(figure, (runtime, cost))
    return figure


def _marker(policy: str) -> str:
    known = tuple(COLOURS)
    return _MARKERS[known.index(policy) % len(_MARKERS)] if policy in COLOURS else _OTHER_MARKER


def _panels(count: int, title: str, columns: int = 2) -> tuple[Figure, Sequence[Axes]]:
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = Figure(figsize=(_WIDTH_IN, 1.0 + 3.4 * rows), layout="constrained")
    figure.suptitle(title, fontsize=13)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, axes[:count]


def _phases(axes: Axes, protocol: Protocol) -> None:
    """Shade the runs that are profiled and those in which executors are killed."""
    axes.set_xlim(0.5, protocol.runs + 0.5)
    if protocol.profiling:
        axes.axvspan(0.5, protocol.profiling + 0.5, color="#4C72B0", alpha=0.12, linewidth=0,
                     label="profiling")  # fmt: skip
    for first, last in protocol.failing:
        axes.axvspan(first - 0.5, last + 0.5, color="#C44E52", alpha=0.15, linewidth=0,
                     label="executors are killed")  # fmt: skip


def _runtime_line(axes: Axes, found: Sequence[SeriesFigures], policy: str) -> float:
    """Draw a policy's runtimes; return the longest of its own medians, in minutes."""
    minutes = np.array([[run.runtime_s / _MINUTE_S for run in one.runs] for one in found])
    numbers = [run.number for run in found[0].runs]
    middle = np.median(minutes, axis=0)
    colour = COLOURS.get(policy, _OTHER_COLOUR)
    style: dict[str, Any] = {"color": colour, "linewidth": 1.3, "label": policy}
    if policy == ORACLE:  # below the others, which often reach it
        style |= {"linewidth": 3.5, "alpha": 0.6, "zorder": 1.5}
    axes.plot(numbers, middle, **style)
    axes.fill_between(numbers, minutes.min(axis=0), minutes.max(axis=0), color=colour, alpha=0.10,
                      linewidth=0)  # fmt: skip
    return float(middle[found[0].profiling :].max())


def _finish(figure: Figure, panels: Sequence[Axes]) -> None:
    for axes in panels:
        axes.set_xlabel("run")
        axes.grid(alpha=0.25)
    _legend(figure, panels)


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend below all panels, each entry once."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=min(len(entries), 5 if max(map(len, entries)) < LONG_LABEL else 3),
        frameon=False,
        fontsize=9.5,
    )
