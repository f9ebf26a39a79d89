"""``make experiments``: computes, draws and writes everything that the documents show.

What is finished is kept below ``build/experiments/cache``; an interrupted run goes on from there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from airflow_enel.simulation.figures import SeriesFigures, violation_minutes, violations
from benchmarks.experiments.cache import ResultCache, code_version, write_whole
from benchmarks.experiments.documents import update_document
from benchmarks.experiments.page import Section, render
from benchmarks.experiments.plan import ExperimentsPlan
from benchmarks.experiments.results import Results, compute
from benchmarks.experiments.sections import sections
from benchmarks.figures import Figure

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "build" / "experiments"
DOCUMENTS: Final = (ROOT / "README.md", ROOT / "docs" / "evaluation.md")


def measure() -> Iterable[Figure]:
    """Compute what is missing, write all files, and give violations per mode and policy."""
    plan = ExperimentsPlan()
    results = run(plan, OUTPUT, DOCUMENTS, len(os.sched_getaffinity(0)))
    print(f"written: {OUTPUT / 'index.html'}", file=sys.stderr)
    for mode, series in results.series.items():
        yield from _figures(mode, series)
    yield Figure.of("experiments, all series", "CPU min", [results.cpu_s / 60], "≤ 90")


def run(plan: ExperimentsPlan, output: Path, documents: Sequence[Path], processes: int) -> Results:
    """Compute what is missing, and write page, charts and documents.

    :param output: folder for page, charts and cache
    :param documents: Markdown files whose tables are replaced
    :raises SystemExit: on Ctrl-C, before anything of it is written
    """
    code = code_version()
    results = compute(plan, ResultCache(output / "cache", code), processes)
    found = sections(results, plan)
    for picture in (picture for section in found for picture in section.pictures):
        write_whole(output / f"{picture.name}.png", picture.png)
    write_whole(output / "index.html", _page(found, plan, results, code).encode())
    tables = {table.name: table for section in found for table in section.tables}
    for document in documents:
        update_document(document, tables)
    return results


def _page(found: tuple[Section, ...], plan: ExperimentsPlan, results: Results, code: str) -> str:
    protocol = plan.protocol
    introduction = (
        f"{len(plan.policies)} policies on {len(plan.jobs)} simulated recurring jobs: "
        f"{protocol.runs} runs per job, the first {protocol.profiling} profiled, and "
        f"{plan.campaigns} campaigns with other noise (seed {plan.seed}); every policy meets the "
        "same noise. What is simulated, and what that cannot say, is in docs/evaluation.md."
    )
    footer = (
        f"Made by “make experiments” from code {code}; its series took "
        f"{results.cpu_s / 60:.0f} CPU minutes."
    )
    return render("airflow-enel: experiments on the simulator", introduction, found, footer)


_AIMS: Final = {
    ("as-published", "ellis-published", "violations"): "published 102 ± 15 %",
    ("as-published", "ellis-published", "sum of violation"): "published 762 ± 25 %",
}


def _figures(mode: str, series: Sequence[SeriesFigures]) -> Iterable[Figure]:
    """Violations of each policy, one value per campaign of all jobs."""
    for policy in dict.fromkeys(one.policy for one in series):
        campaigns: dict[int, list[SeriesFigures]] = {}
        for one in series:
            if one.policy == policy:
                campaigns.setdefault(one.campaign, []).append(one)
        runs = [[run for s in jobs for run in s.adaptive] for jobs in campaigns.values()]
        for name, unit, figure in (
            ("violations", "runs", violations),
            ("sum of violation", "min", violation_minutes),
        ):
            aim = _AIMS.get((mode, policy, name), "")
            yield Figure.of(f"{mode}, {policy}, {name}", unit, [figure(r) for r in runs], aim)
