"""Two SparkContexts, one after the other, each with jobs until its stop file appears.

Usage: contexts.py STOP_FILE REPORT_FILE
The first context stops once STOP_FILE.0 is there, the second once STOP_FILE is. The report has
one JSON line per job: the number of its context.
"""

import json
import sys
import time
from pathlib import Path

from pyspark import SparkConf, SparkContext

stop, report = Path(sys.argv[1]), Path(sys.argv[2])

with report.open("w") as lines:
    for number, stop_file in enumerate((stop.with_suffix(".0"), stop)):
        sc = SparkContext(conf=SparkConf())
        numbers = sc._jvm.java.util.Collections.nCopies(8, 1)
        while not stop_file.exists():
            sc._jsc.parallelize(numbers, 8).count()
            lines.write(json.dumps(number) + "\n")
            lines.flush()
            time.sleep(0.1)
        sc.stop()
