"""The quickest of applications: jobs in the JVM until its stop file appears, then an exit code.

Usage: brief.py STOP_FILE REPORT_FILE EXIT_CODE
"""

import sys
import time
from pathlib import Path

from pyspark import SparkContext

stop, report, exit_code = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

sc = SparkContext.getOrCreate()
numbers = sc._jvm.java.util.Collections.nCopies(3, 1)
with report.open("w") as lines:
    while not stop.exists():
        sc._jsc.parallelize(numbers).count()
        lines.write("{}\n")
        lines.flush()
        time.sleep(0.05)
sys.exit(exit_code)
