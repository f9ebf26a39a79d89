"""How much memory a benchmark's process has taken."""

from __future__ import annotations

import re
from pathlib import Path


def peak_mb() -> float:
    """Peak of this process; Linux's ru_maxrss is that of the parent at first."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError("/proc/self/status tells no peak memory: run this on Linux")
    return int(found[1]) * 1024 / 1e6
