"""Run benchmarks and print their figures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure

BENCHMARKS = {
    "reducer": "speed.reducer",
    "eventlog": "speed.eventlog",
    "history": "speed.history",
    "fuzz": "robustness.fuzz",
    "guards": "robustness.guards",
    "imports": "speed.imports",
    "agent": "speed.agent",
    "accuracy": "accuracy.published_traces",
    "forecasts": "speed.forecasts",
    "sweep": "speed.sweep",
    "training": "speed.training",
    "simulation": "speed.simulation",
    "gates": "accuracy.gates",
    "worth": "accuracy.generated_histories",
    "shifts": "accuracy.job_shifts",
    "components": "accuracy.component_times",
    "planning": "speed.planning",
    "first_runs": "accuracy.first_runs",
    "public": "accuracy.public_runtimes",
}
"""The module of each benchmark, below this package."""
SERIES = {
    "outage": "robustness.outage",
    "kill": "robustness.kill",
    "mllib": "accuracy.mllib",
    "experiments": "experiments.command",
    "etl": "accuracy.etl",
    "conditions": "robustness.conditions",
    "real_spark": "real_spark.command",
}
"""Only when named, and one at a time: they take long, and some have an Airflow of their own."""


def main() -> int:
    """Run the named benchmarks, by default all that are no series."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    known = BENCHMARKS | SERIES
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    unknown = set(options.names) - known.keys()
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(known)}")

    figures: list[Figure] = []
    for name in options.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += _measure(known[name])
    if options.output == "json":
        print(json.dumps([asdict(figure) for figure in figures], indent=2, ensure_ascii=False))
    else:
        Console().print(_table(figures))
    return 0


def _measure(module: str) -> list[Figure]:
    return list(import_module(f"benchmarks.{module}").measure())


def _table(figures: Iterable[Figure]) -> Table:
    table = Table()
    for heading in ("figure", "unit", "median", "min … max", "runs", "aim"):
        table.add_column(heading)
    for figure in figures:
        table.add_row(
            figure.name,
            figure.unit,
            f"{figure.median:,.3f}",
            f"{figure.minimum:,.3f} … {figure.maximum:,.3f}",
            str(figure.runs),
            figure.aim,
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
