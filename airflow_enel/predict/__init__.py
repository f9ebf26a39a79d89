"""Runtime prediction: estimators that learn from past runs and forecast the remaining seconds.

Curves (:class:`Ernest`, :class:`KernelRegression`, :class:`Bell`) map executors to seconds.
Forecasters (:class:`BellRuntime`, :class:`Ellis`, :class:`Conditional`) take past runs and the
progress of the present one; :mod:`.registry` creates them by name, :mod:`.evaluation` measures
their errors.

The classes are imported on first use: :mod:`.registry` needs none of their libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from airflow_enel.predict.base import Curve, Forecaster
    from airflow_enel.predict.bell import Bell
    from airflow_enel.predict.conditional import Conditional, Remaining
    from airflow_enel.predict.ellis import Ellis
    from airflow_enel.predict.ernest import Ernest
    from airflow_enel.predict.kernel import KernelRegression
    from airflow_enel.predict.runtime import BellRuntime

__all__ = [
    "Bell",
    "BellRuntime",
    "Conditional",
    "Curve",
    "Ellis",
    "Ernest",
    "Forecaster",
    "KernelRegression",
    "Remaining",
]

_MODULES: Final = {
    "Bell": "bell",
    "BellRuntime": "runtime",
    "Conditional": "conditional",
    "Curve": "base",
    "Ellis": "ellis",
    "Ernest": "ernest",
    "Forecaster": "base",
    "KernelRegression": "kernel",
    "Remaining": "conditional",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
