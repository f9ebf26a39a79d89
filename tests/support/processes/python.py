"""A fresh Python, to see what an import costs."""

from __future__ import annotations

import subprocess
import sys


def modules_loaded_by(code: str, *, after: str = "") -> set[str]:
    """Names of the modules that a fresh Python loads for some code.

    :param after: code that runs before, whose modules do not count
    """
    script = f"""
import sys
{after}
before = set(sys.modules)
{code}
print(*(set(sys.modules) - before))
"""
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return set(result.stdout.splitlines()[-1].split())
