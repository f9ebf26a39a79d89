"""Status of a Spark driver, as the worker of a task shows it."""

from __future__ import annotations

from enum import Enum


class DriverStatus(str, Enum):
    """State of a driver that an earlier try has started, as its worker shows it.

    ``OVER`` is one that failed, was ended on purpose, was lost or never came up.
    """

    ABSENT = "absent"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    OVER = "over"
