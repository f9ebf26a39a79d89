"""Policy ``enel-paper``: the paper's own rule, on the forecaster that carries its network.

The smallest size whose predicted total meets the target, else the fastest. One change: where the
forecast is the same at every size the size is kept. The rule would go to the smallest, which gains
nothing or is a guess.
Source: Scheinert et al., "Enel: Context-Aware Dynamic Scaling of Distributed Dataflow Jobs using
Graph Propagation", IPCCC 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards import BASELINE_GUARDS
from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.sizing import Choice, initial_size, rescaled_size

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import PolicyContext
    from airflow_enel.domain import Forecast, Proposal


def propose(context: PolicyContext) -> Proposal:
    """The initial size from history, later the smallest size in time."""
    if context.start is not None:
        return initial_size(context, context.start)
    return rescaled_size(context, choose)


def choose(forecast: Forecast, _now: int, left_s: float) -> Choice:
    """Every size, and those that meet the target."""
    sizes = list(forecast.executors)
    return Choice(sizes, [s for s in sizes if forecast.median(s) <= left_s])


ENEL_PAPER: Final = Policy("enel-paper", propose, forecaster="enel", guards=BASELINE_GUARDS)
