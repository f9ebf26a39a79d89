"""What importing the operator and the plugin adds to what Airflow imports itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable

from benchmarks.figures import Figure

RUNS = 7
_SCRIPT = """
import json, sys, time, psutil
for base in sys.argv[1].split(","): __import__(base)
if sys.argv[2] in sys.modules: raise SystemExit("already imported: nothing to measure")
me = psutil.Process()
memory, start = me.memory_info().rss, time.perf_counter()
__import__(sys.argv[2])
seconds = time.perf_counter() - start
print(json.dumps([(me.memory_info().rss - memory) / 1e6, seconds]))
"""
_CASES = {
    "operator": (
        "airflow.sdk,airflow.providers.apache.spark.operators.spark_submit",
        "airflow_enel.operators.spark",
    ),
    "plugin": ("airflow.plugins_manager", "airflow_enel.plugin"),
    # Airflow imports it itself, wherever it reads its settings.
    "provider info": ("json", "airflow_enel.provider_info"),
}


def measure() -> Iterable[Figure]:
    """Memory and seconds on top of the stock operator and of Airflow's plugin manager."""
    for name, (base, module) in _CASES.items():
        runs = [_run(base, module) for _ in range(RUNS)]
        yield Figure.of(f"import of {name}, memory", "MB", [mb for mb, _ in runs], "≤ 15")
        yield Figure.of(f"import of {name}, time", "s", [s for _, s in runs], "≤ 0.3")


def _run(base: str, module: str) -> tuple[float, float]:
    result = subprocess.run(
        [sys.executable, "-c", _SCRIPT, base, module], capture_output=True, text=True, check=True
    )
    memory_mb, seconds = json.loads(result.stdout.splitlines()[-1])
    return float(memory_mb), float(seconds)
