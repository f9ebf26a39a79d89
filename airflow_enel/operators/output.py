"""The driver's output: all of it to the task's log, its last words to the error."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_enel.operators.provider_hook import ProviderHook

# Spark says goodbye in dozens of log lines and stack frames, which would hide why it failed.
_CHATTER: Final = re.compile(
    r"\d\d(\d\d)?[/-]\d\d[/-]\d\d[ T]\S+ (TRACE|DEBUG|INFO|WARN) |\s+at [\w.$/]+\("
)
_LINES: Final = 30


class DriverOutput:
    """Passes lines on to Airflow's hook and remembers the last that matter."""

    def __init__(self, hook: ProviderHook) -> None:
        self._hook = hook
        self._last: deque[str] = deque(maxlen=_LINES)

    def take(self, lines: Sequence[str]) -> None:
        """Log lines of the driver."""
        self._hook.log_output(lines)
        self._last.extend(line for line in lines if not _CHATTER.match(line))

    @property
    def last_words(self) -> str:
        """The last lines that are no chatter, with passwords masked as the hook masks them."""
        return "\n".join(self._hook.mask(line) for line in self._last)
