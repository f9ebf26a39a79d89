"""An iterative Spark application whose tasks wait for I/O, so that executors matter anywhere.

Every iteration reads a cached dataset, waits in each task as if for a slow store, and reduces to
one number that the next iteration starts from. Waiting costs no CPU: on a laptop six executors
are about six times as fast as one, just as in a cluster.

With ``--late-input FILE`` the input doubles between two iterations, as soon as that file is there.

Run it by hand: ``spark-submit iterative.py --iterations 8 --tasks 12 --task-seconds 0.5``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pyspark import RDD, SparkContext
from pyspark.sql import SparkSession


def paced(weight: float, task_s: float) -> Callable[[Iterable[float]], Iterator[float]]:
    """A pass over one partition that takes at least ``task_s`` seconds."""

    def partition(values: Iterable[float]) -> Iterator[float]:
        time.sleep(task_s)
        yield sum((value - weight) * 0.5 for value in values)

    return partition


def read_input(context: SparkContext, rows: int, tasks: int) -> RDD[float]:
    """Numbers, cached when they are first used."""
    return context.parallelize(range(rows), tasks).map(float).cache()


def main() -> None:
    """Fit the mean of some numbers, one gradient step per iteration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=12, help="partitions of the dataset")
    parser.add_argument("--task-seconds", type=float, default=0.5)
    parser.add_argument("--driver-seconds", type=float, default=0.0, help="after each iteration")
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--late-input", type=Path, help="doubles the input once it is there")
    options = parser.parse_args()

    spark = SparkSession.builder.getOrCreate()
    numbers = read_input(spark.sparkContext, options.rows, options.tasks)
    rows, weight, late = numbers.count(), 0.0, options.late_input
    for iteration in range(options.iterations):
        if late is not None and late.exists():
            numbers = numbers.union(read_input(spark.sparkContext, options.rows, options.tasks))
            rows, late = rows + options.rows, None
            print("the input has doubled", flush=True)  # noqa: T201
        gradient = numbers.mapPartitions(paced(weight, options.task_seconds)).sum() / rows
        weight += gradient
        print(f"iteration {iteration}: weight {weight:.3f}", flush=True)  # noqa: T201
        time.sleep(options.driver_seconds)
    spark.stop()


if __name__ == "__main__":
    main()
