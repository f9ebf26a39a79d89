"""Runs small jobs over cached data until its stop file appears, then exits without stopping Spark.

Usage: steady.py STOP_FILE REPORT_FILE TASKS TASK_S
The report has one JSON line per job: whether it failed, and how many partitions are cached.
"""

import json
import sys
import time
from pathlib import Path

from pyspark import StorageLevel
from pyspark.sql import SparkSession

stop, report = Path(sys.argv[1]), Path(sys.argv[2])
tasks, task_s = int(sys.argv[3]), float(sys.argv[4])

spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
sc.setLocalProperty("spark.my.password", "hunter2")
cached = sc.parallelize(range(8000), tasks).persist(StorageLevel.MEMORY_ONLY)
spark.range(10).count()


def pause(rows):
    time.sleep(task_s)
    return rows


def held_partitions():
    return sum(info.numCachedPartitions() for info in sc._jsc.sc().getRDDStorageInfo())


with report.open("w") as lines:
    while not stop.exists():
        failed = False
        try:
            sc.setJobDescription("steady work")
            cached.mapPartitions(pause).count()
        except Exception:
            failed = True
        lines.write(json.dumps({"failed": failed, "cached": held_partitions()}) + "\n")
        lines.flush()
