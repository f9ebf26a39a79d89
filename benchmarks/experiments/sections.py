"""Sections of the page of experiments: tables and charts of the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from benchmarks.experiments import charts, comparison, utilization_tables
from benchmarks.experiments.page import Picture, Section

if TYPE_CHECKING:
    from airflow_enel.simulation.figures import SeriesFigures
    from benchmarks.experiments.plan import ExperimentsPlan
    from benchmarks.experiments.results import Results, UtilizationResults

PLOTTED: Final = ("enel", "enel-paper", "ellis", "risk-static", "oracle")
"""Policies whose runtimes are drawn, as far as they are there; more lines hide each other."""

PLOTTED_AS_PUBLISHED: Final = ("enel-paper", "ellis-published", "risk-static", "oracle")

_MODES: Final = {
    "elastic": "Rescaling works at once, for about 2 s and 0.1 s per executor moved.",
    "realistic": (
        "As elastic, but new executors come without cached data, and are of use to a component "
        "that reads such data only once they are warm."
    ),
    "as-published": (
        "As on the cluster of the published runs: executors are never really released, later ones "
        "hardly help, and what a killed one had cached is lost until the end of the run."
    ),
}


def sections(results: Results, plan: ExperimentsPlan) -> tuple[Section, ...]:
    """All sections, in their order on the page."""
    modes = (_mode(mode, results, plan) for mode in reversed(plan.modes))
    found = [_overview(results, plan), *modes]
    if "as-published" in results.series:
        found.append(_published(results))
    found.append(_times(results, plan))
    if results.utilization is not None:
        found.append(_utilization(results.utilization))
    return tuple(found)


def _overview(results: Results, plan: ExperimentsPlan) -> Section:
    compared = results.comparisons()
    mode = plan.modes[-1]
    picture = Picture(
        "costs",
        "Violations over executor-minutes per run, one point per policy, a panel per mode",
        charts.as_png(charts.costs(compared, "Violations and cost of each policy")),
    )
    text = "Towards the lower left is better. The oracle knows all chance in advance: a limit."
    summary = comparison.summary_table(mode, compared[mode])
    return Section("overview", "Overview", text, (summary,), (picture,))


def _mode(mode: str, results: Results, plan: ExperimentsPlan) -> Section:
    compared, series = results.comparisons()[mode], results.series[mode]
    policies = PLOTTED_AS_PUBLISHED if mode == "as-published" else PLOTTED
    title = f"Runtime per run, mode {mode}: median over campaigns, their range in faint"
    picture = Picture(
        f"runtimes-{mode}",
        f"Runtime of each run in mode {mode}, a panel per job, a line per policy",
        charts.as_png(charts.runtimes(series, plan.protocol, policies, title)),
    )
    tables = (
        comparison.policies_table(mode, compared),
        comparison.over_baseline_table(mode, compared),
        comparison.jobs_table(mode, compared),
        comparison.ranges_table(mode, series),
    )
    text = f"{_MODES[mode]} The chart ends at three times the target."
    return Section(mode, f"Mode {mode}", text, tables, (picture,))


def _published(results: Results) -> Section:
    table = comparison.published_table(results.series["as-published"])
    text = (
        "Ellis is simulated with the fault of its published version, Enel by the policy "
        "enel-paper without a trained model."
    )
    return Section("published", "Beside the published runs", text, (table,))


def _times(results: Results, plan: ExperimentsPlan) -> Section:
    first = [one for one in results.series[plan.modes[-1]] if one.campaign == 0]
    text = (
        "The network is trained after every run, every fifth time from scratch, else on top of the "
        "last model. Times are those of the machine on which the experiments ran."
    )
    table = comparison.times_table(first, results.trained)
    title = "Times to learn and to decide"
    pictures = (_times_picture(results, first, plan),) if results.trained else ()
    return Section("times", title, text, (table,), pictures)


def _times_picture(
    results: Results, untrained: Sequence[SeriesFigures], plan: ExperimentsPlan
) -> Picture:
    jobs = {one.job for one in results.trained}
    ellis = [one for one in untrained if one.policy == "ellis" and one.job in jobs]
    title = "CPU seconds to learn and to decide, per run"
    return Picture(
        "times",
        f"{title}, on a logarithmic scale",
        charts.as_png(charts.times([*results.trained, *ellis], plan.protocol, title)),
    )


def _utilization(results: UtilizationResults) -> Section:
    title = "Policy utilization against 4 constant executors, by the serial share of an iteration"
    picture = Picture(
        "utilization",
        "Change of runtime and of executor-minutes over the number of iterations, a line per share",
        charts.as_png(charts.utilization(results.sweep, title)),
    )
    text = (
        "More resources for a shorter time, and surplus released. It does not pay where iterations "
        "are few, and nothing is done where much of an iteration is serial. What every executor "
        "adds to an iteration cannot be seen in the durations of tasks, so there it costs more."
    )
    tables = (
        utilization_tables.results_table(results.results),
        utilization_tables.sweep_table(results.sweep),
        utilization_tables.overheads_table(results.overheads),
    )
    return Section("utilization", "Utilization without a deadline", text, tables, (picture,))
