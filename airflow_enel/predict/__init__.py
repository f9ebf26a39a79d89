"""Estimators: fit on past runs, predict the distribution of the remaining runtime.

Curves (:class:`Ernest`, :class:`KernelRegression`, :class:`Bell`) know executors and seconds.
Forecasters (:class:`BellRuntime`, :class:`Ellis`, :class:`Conditional`) know past runs and the
progress of this one; :mod:`.evaluation` tells how good they are.
"""

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
