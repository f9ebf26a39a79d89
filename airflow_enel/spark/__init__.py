"""Everything that talks to Spark: its events, the agent in its driver, spark-submit.

`agent_conf` is what DAG authors add to the Spark configuration of other operators than ours. It
knows of tasks and policies, so its home is above this layer; this is only its public name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_enel.agent_conf import agent_conf

__all__ = ["agent_conf"]


def __getattr__(name: str) -> Any:
    if name == "agent_conf":
        from airflow_enel.agent_conf import agent_conf  # noqa: PLC0415 - only for DAGs

        return agent_conf
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
