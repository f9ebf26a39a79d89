"""An iterative Spark application whose tasks wait for I/O, so that executors matter anywhere.

Every iteration reads a cached dataset, waits in each task as if for a slow store, and reduces to
one number that the next iteration starts from. Waiting costs no CPU: on a laptop six executors
are about six times as fast as one, just as in a cluster.

Run it by hand: ``spark-submit iterative.py --iterations 8 --tasks 12 --task-seconds 0.5``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator

from pyspark.sql import SparkSession


def paced(weight: float, task_s: float) -> Callable[[Iterable[float]], Iterator[float]]:
    """A pass over one partition that takes at least ``task_s`` seconds."""

    def partition(values: Iterable[float]) -> Iterator[float]:
        time.sleep(task_s)
        yield sum((value - weight) * 0.5 for value in values)

    return partition


def main() -> None:
    """Fit the mean of some numbers, one gradient step per iteration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=12, help="partitions of the dataset")
    parser.add_argument("--task-seconds", type=float, default=0.5)
    parser.add_argument("--rows", type=int, default=12_000)
    options = parser.parse_args()

    spark = SparkSession.builder.getOrCreate()
    numbers = spark.sparkContext.parallelize(range(options.rows), options.tasks).map(float).cache()
    rows = numbers.count()
    weight = 0.0
    for iteration in range(options.iterations):
        gradient = numbers.mapPartitions(paced(weight, options.task_seconds)).sum() / rows
        weight += gradient
        print(f"iteration {iteration}: weight {weight:.3f}", flush=True)  # noqa: T201
    spark.stop()


if __name__ == "__main__":
    main()
