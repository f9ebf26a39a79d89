"""Makes an archive of the classes of Spark, from which the JVMs of the tests start faster.

To load and verify Spark's classes takes a small application more processor time than all else.
Java's class data sharing does it once, for JVMs of the same version and class path; others pass
over the archive. Usage: python -m tests.support.processes.class_archive FILE
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.processes.spark import COMPILE_LITTLE, SPARK_HOME

# The driver of a local-cluster has the classes of a master and a worker, local mode adds those of
# an executor.
_APPLICATION = """
from pyspark.sql import SparkSession
for master in ("local-cluster[1,1,512]", "local[1]"):
    spark = SparkSession.builder.master(master).getOrCreate()
    pairs = spark.sparkContext.parallelize(range(9), 2).map(lambda number: (number % 2, number))
    pairs.reduceByKey(max).collect()
    spark.range(9).selectExpr("id % 5 AS k").groupBy("k").count().collect()
    spark.stop()
"""
_CONF = {
    "spark.ui.enabled": "false",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.executor.extraJavaOptions": shlex.join(COMPILE_LITTLE),
}


def make_class_archive(archive: Path) -> None:
    """Run a small application and keep the classes that its driver has loaded.

    :raises subprocess.CalledProcessError: if it fails; what it printed is on standard error
    """
    draft = archive.with_suffix(".new")
    # Which classes cannot be archived, and why, is many hundred lines.
    options = [*COMPILE_LITTLE, "-Xlog:disable", f"-XX:ArchiveClassesAtExit={draft}"]
    env = {
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": shlex.join(options),
        "PYSPARK_PYTHON": sys.executable,
    }
    command = [str(SPARK_HOME / "bin" / "spark-submit")]
    for name, value in _CONF.items():
        command += ["--conf", f"{name}={value}"]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "application.py")
        script.write_text(_APPLICATION)
        run = subprocess.run(
            [*command, str(script)],
            cwd=folder,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if run.returncode:
        sys.stderr.write(run.stdout[-4000:])
    run.check_returncode()
    draft.replace(archive)


if __name__ == "__main__":
    make_class_archive(Path(sys.argv[1]).absolute())
