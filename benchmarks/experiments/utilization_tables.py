"""Tables of what policy ``utilization`` reaches, and of where it does not pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final

from airflow_enel.simulation.figures import Figure
from benchmarks.experiments.tables import Table
from benchmarks.experiments.utilization import START, Pair

PAPER: Final = {"growing": "runtime −57 %", "shrinking": "resources −40 %"}
"""What the 2016 paper reports at most."""


def results_table(found: Mapping[str, Sequence[Pair]]) -> Table:
    """The two results of the paper."""
    rows = [
        (
            job,
            f"{START[job]} → {fmean(pair.executors for pair in pairs):.1f}",
            percent([pair.longer for pair in pairs]),
            percent([pair.dearer for pair in pairs]),
            f"{fmean(pair.rescales for pair in pairs):.1f}",
            PAPER[job],
        )
        for job, pairs in found.items()
    ]
    headings = ("job", "executors", "runtime", "executor-min", "rescales per run", "paper")
    caption = (
        f"Policy `utilization` against the constant size at which it starts, mode `realistic`, "
        f"{_runs(found)} runs each: mean change ± standard error."
    )
    return Table("utilization", caption, headings, tuple(rows))


def sweep_table(found: Mapping[tuple[int, float], Sequence[Pair]]) -> Table:
    """Change of runtime and cost by the number of iterations and the serial share."""
    counts = sorted({count for count, _ in found})
    shares = sorted({share for _, share in found})
    rows = [
        (f"{count} iterations", *(_short(found[count, share]) for share in shares))
        for count in counts
    ]
    caption = (
        "Job `growing` from 4 executors: change of runtime · of executor-minutes, by iterations "
        "and by the share of an iteration that is serial on 4 executors."
    )
    headings = ("", *(f"{share:.0%} serial" for share in shares))
    return Table("utilization-sweep", caption, headings, tuple(rows))


def overheads_table(found: Mapping[float, Sequence[Pair]]) -> Table:
    """Change of runtime and cost by what every executor adds to every iteration."""
    rows = [
        (
            f"{seconds:g} s",
            f"{fmean(pair.executors for pair in pairs):.1f}",
            percent([pair.longer for pair in pairs]),
            percent([pair.dearer for pair in pairs]),
        )
        for seconds, pairs in found.items()
    ]
    caption = "Job `growing` from 4 executors, by what every executor adds to an iteration."
    headings = ("overhead per executor", "executors at the end", "runtime", "executor-min")
    return Table("utilization-overhead", caption, headings, tuple(rows))


def percent(changes: Sequence[float]) -> str:
    """The mean of some changes and its standard error."""
    figure = Figure.of(changes)
    error = "" if figure.standard_error is None else f" ± {100 * figure.standard_error:.1f}"
    return f"{_signed(figure.mean, '.1f')}{error} %"


def _short(pairs: Sequence[Pair]) -> str:
    changes = ([pair.longer for pair in pairs], [pair.dearer for pair in pairs])
    return " · ".join(f"{_signed(fmean(change), '.0f')} %" for change in changes)


def _signed(change: float, form: str) -> str:
    text = f"{100 * change:+{form}}"
    return "0" if float(text) == 0 else text.replace("-", "−")


def _runs(found: Mapping[str, Sequence[Pair]]) -> int:
    return len(next(iter(found.values())))
