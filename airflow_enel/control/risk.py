"""The risk that users accept; apart from the plans, so that parsing a DAG imports no numpy."""

from __future__ import annotations

from typing import Final

DEFAULT_RISK: Final = 0.05
"""Probability to miss that users accept if they do not say."""
