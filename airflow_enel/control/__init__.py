"""The decision step: pure functions from a reading to a number of executors."""

from airflow_enel.control.decide import Steering, decide, first_step
from airflow_enel.control.outcome import outcome
from airflow_enel.control.policies import Policy, policy, register
from airflow_enel.control.progress import reduce_progress
from airflow_enel.control.report import progress_line
from airflow_enel.control.target import parse_runtime_target

__all__ = [
    "Policy",
    "Steering",
    "decide",
    "first_step",
    "outcome",
    "parse_runtime_target",
    "policy",
    "progress_line",
    "reduce_progress",
    "register",
]
