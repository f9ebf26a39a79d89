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
    from airflow_enel.predict.curves.bell import Bell
    from airflow_enel.predict.curves.bell_forecaster import BellRuntime
    from airflow_enel.predict.curves.ellis import Ellis
    from airflow_enel.predict.curves.ernest import Ernest
    from airflow_enel.predict.curves.kernel_regression import KernelRegression
    from airflow_enel.predict.gaussian.conditional import Conditional
    from airflow_enel.predict.gaussian.remaining import Remaining

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
    "Bell": "curves.bell",
    "BellRuntime": "curves.bell_forecaster",
    "Conditional": "gaussian.conditional",
    "Curve": "base",
    "Ellis": "curves.ellis",
    "Ernest": "curves.ernest",
    "Forecaster": "base",
    "KernelRegression": "curves.kernel_regression",
    "Remaining": "gaussian.remaining",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
