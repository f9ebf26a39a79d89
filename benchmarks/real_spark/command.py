"""Policies on real Spark: ``enel`` when a run is disturbed, ``utilization`` without a target.

ENEL_REAL_SPARK_PARTS names what is run (``paired,utilization``), ENEL_REAL_SPARK_PAIRS how many
pairs of disturbed runs (20), ENEL_REAL_SPARK_REPETITIONS how many pairs of each job of policy
``utilization`` (5). All runs, with the sentences of their decisions, are written to
``build/real_spark/PART.json``.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol

from benchmarks.figures import Figure
from benchmarks.real_spark.paired import run_paired
from benchmarks.real_spark.runs import RealSpark
from benchmarks.real_spark.utilization import run_utilization

PAIRS = int(os.environ.get("ENEL_REAL_SPARK_PAIRS", "20"))
REPETITIONS = int(os.environ.get("ENEL_REAL_SPARK_REPETITIONS", "5"))
BUILD: Final = Path("build/real_spark")


class Series(Protocol):
    """Runs so far, a dataclass."""

    def figures(self) -> Iterable[Figure]:
        """Return what they have shown."""


PARTS: Final[dict[str, Callable[[RealSpark], Iterator[Series]]]] = {
    "paired": lambda spark: run_paired(spark, PAIRS),
    "utilization": lambda spark: run_utilization(spark, REPETITIONS),
}
CHOSEN = os.environ.get("ENEL_REAL_SPARK_PARTS", ",".join(PARTS)).split(",")


def measure() -> Iterable[Figure]:
    """Run the parts that are asked for; the files are whole after every pair."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="enel-real-spark-") as home,
        RealSpark(Path(home)) as spark,
    ):
        for part in CHOSEN:
            figures: Iterable[Figure] = ()
            for series in PARTS[part](spark):
                text = json.dumps(asdict(series), indent=1, ensure_ascii=False)  # type: ignore[call-overload]
                (BUILD / f"{part}.json").write_text(text, "utf-8")
                figures = series.figures()
            yield from figures
