"""A Spark application in iterations whose tasks wait, as if for a slow store.

They wait in the executor's JVM and cost next to no processor time: a number of executors that is
large for the machine is as fast as it would be in a cluster. Each iteration reads the input, which
is of so many partitions, and of twice as many for some iterations if that is asked for.
"""

from __future__ import annotations

import argparse

from pyspark.sql import SparkSession


def main() -> None:
    """Read the input once in every iteration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, required=True, help="partitions of the input")
    parser.add_argument("--task-ms", required=True, help="of each iteration, such as 300,310")
    parser.add_argument("--doubled-from", type=int, default=0, help="first with twice the input")
    parser.add_argument("--doubled-until", type=int, default=0, help="first without it again")
    options = parser.parse_args()

    spark = SparkSession.builder.getOrCreate()
    for iteration, wait_ms in enumerate(options.task_ms.split(",")):
        doubled = options.doubled_from <= iteration < options.doubled_until
        tasks = (1 + doubled) * options.tasks
        wait = f"java_method('java.lang.Thread', 'sleep', {int(wait_ms)}L)"
        waiting = spark.range(0, tasks, 1, tasks).selectExpr(wait)
        waiting.write.format("noop").mode("overwrite").save()
    spark.stop()


if __name__ == "__main__":
    main()
