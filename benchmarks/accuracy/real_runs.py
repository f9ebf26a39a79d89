"""Runs an example application on a `local-cluster` and keeps its Spark event log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

JOBS: Final = Path(__file__).resolve().parents[2] / "dags_examples" / "jobs"


@dataclass(frozen=True, slots=True)
class RealRun:
    """One run to make.

    :param job: name of the application, by which its runs are one recurring job
    :param number: which run of the job
    :param executors: of one core each
    :param memory_mib: of each executor
    :param conf: Spark properties besides
    :param script: in the folder of example applications
    :param arguments: of the application
    """

    job: str
    number: int
    executors: int
    memory_mib: int
    conf: Mapping[str, str]
    script: str
    arguments: tuple[str, ...]

    def keep_log(self, logs: Path) -> Path:
        """Run it, unless its log is there already.

        :param logs: folder of the logs, each in a folder of its own
        :return: the folder of its log
        :raises RuntimeError: if the application fails
        """
        kept = logs / f"{self.job}-{self.number}"
        if not kept.exists():
            print(f"  {kept.name}, {self.executors} executors", file=sys.stderr, flush=True)
            # Its last name only when it is whole: an interrupted series goes on where it was.
            draft = kept.with_name(f".{kept.name}")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            self._submit(draft)
            draft.rename(kept)
        return kept

    def _submit(self, folder: Path) -> None:
        spark = Path(os.environ.get("SPARK_HOME", ".spark/pyspark")).resolve()
        result = subprocess.run(
            [
                str(spark / "bin/spark-submit"),
                f"--master=local-cluster[{self.executors},1,{self.memory_mib}]",
                f"--name={self.job}",
                f"--conf=spark.executor.memory={self.memory_mib}m",
                "--conf=spark.ui.enabled=false",
                "--conf=spark.eventLog.enabled=true",
                f"--conf=spark.eventLog.dir={folder.resolve().as_uri()}",
                *(f"--conf={name}={value}" for name, value in self.conf.items()),
                str(JOBS / self.script),
                *self.arguments,
            ],
            env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"{self.job} failed: {result.stderr[-2000:]}")


def finished_logs(logs: Path) -> list[Path]:
    """The folders of all logs that are whole, in the order of their names."""
    return sorted(path for path in logs.iterdir() if not path.name.startswith("."))
