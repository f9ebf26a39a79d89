"""Runs the series of the benchmarks, much shortened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.processes.spark import ROOT


def figures_of(name: str, within_s: float, **settings: float) -> dict[str, dict[str, Any]]:
    """The figures of a series by the last words of their names.

    :param settings: environment variables
    """
    env = {**os.environ, **{key: f"{value:g}" for key, value in settings.items()}}
    command = [sys.executable, "-m", "benchmarks", name, "-o", "json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe) as series:
        try:
            output, errors = series.communicate(timeout=within_s)
        finally:
            series.terminate()  # it cleans up after itself
    assert series.returncode == 0, errors.decode()[-4000:]
    return {f["name"].partition(":")[2].strip(): f for f in json.loads(output)}
