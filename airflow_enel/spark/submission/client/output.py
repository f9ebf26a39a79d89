"""The driver's output: all of it goes to the task's log, its last lines to the error."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_enel.spark.submission.client.provider_hook import ProviderHook

# Spark ends with dozens of log lines and stack frames, which would hide why it failed.
_NOISE: Final = re.compile(
    r"\d\d(\d\d)?[/-]\d\d[/-]\d\d[ T]\S+ (TRACE|DEBUG|INFO|WARN) |\s+at [\w.$/]+\("
)
_LINES: Final = 30


class DriverOutput:
    """Passes lines on to the provider's hook and keeps the last that explain a failure."""

    def __init__(self, hook: ProviderHook) -> None:
        self.hook = hook
        self._last: deque[str] = deque(maxlen=_LINES)

    def log(self, lines: Sequence[str]) -> None:
        """Log lines of the driver."""
        self.hook.log_output(lines)
        self._last.extend(line for line in lines if not _NOISE.match(line))

    @property
    def last_lines(self) -> str:
        """The last lines that are no noise, with passwords masked as the hook masks them."""
        return "\n".join(self.hook.mask(line) for line in self._last)
