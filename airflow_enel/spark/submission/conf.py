"""Spark configuration with which an application can be observed and scaled, for spark-submit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow_enel.domain import Bounds
from airflow_enel.spark.agent import LISTENER_CLASS
from airflow_enel.spark.properties import spark_home
from airflow_enel.spark.submission.properties_file import read_properties

_NEVER: Final = "100000000s"

# Dynamic allocation that never acts by itself: an exact initial size on every cluster manager,
# and all later sizes are ours (standalone would ignore spark.executor.instances otherwise).
_INERT_ALLOCATION: Final = {
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.executorIdleTimeout": _NEVER,
    "spark.dynamicAllocation.cachedExecutorIdleTimeout": _NEVER,
    "spark.dynamicAllocation.schedulerBacklogTimeout": _NEVER,
    "spark.dynamicAllocation.sustainedSchedulerBacklogTimeout": _NEVER,
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.timeout": _NEVER,
}
# Scale-in by decommissioning: running tasks finish, cached blocks and shuffle files move.
_DECOMMISSION: Final = {
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.storage.decommission.rddBlocks.enabled": "true",
    "spark.storage.decommission.shuffleBlocks.enabled": "true",
    # With the default of 30 s drained executors linger for up to a minute.
    "spark.storage.decommission.replicationReattemptInterval": "1s",
}


def sizing_conf(bounds: Bounds, initial: int | str) -> dict[str, str]:
    """Configuration for an exact start and for rescaling.

    :param initial: executors to start with, inside of the bounds, or a template of that number
    """
    return {
        **_INERT_ALLOCATION,
        **_DECOMMISSION,
        "spark.executor.instances": str(initial),  # Spark starts with the larger of the two
        "spark.dynamicAllocation.initialExecutors": str(initial),
        "spark.dynamicAllocation.minExecutors": str(initial),
        "spark.dynamicAllocation.maxExecutors": str(bounds.maximum),
        "spark.enel.initialExecutors": str(initial),
        "spark.enel.minExecutors": str(bounds.minimum),
        "spark.enel.maxExecutors": str(bounds.maximum),
    }


def agent_properties(token: str, port_file: Path, final_file: Path) -> dict[str, str]:
    """Configuration of the agent; only the SHA-256 of its token goes to Spark."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return agent_settings(digest, str(port_file), str(final_file))


def agent_settings(token_sha256: str, port_file: str, final_file: str) -> dict[str, str]:
    """Configuration of the agent, whose values may be templates."""
    return {
        "spark.enel.agent.tokenSha256": token_sha256,
        "spark.enel.agent.portFile": port_file,
        "spark.enel.agent.finalFile": final_file,
    }


def merge_conf(
    user: Mapping[str, Any],
    ours: Mapping[str, str],
    jar: Path,
    jars: str | None,
    defaults: Mapping[str, str],
) -> tuple[dict[str, Any], str]:
    """The user's configuration with ours on top, the listener and its jar appended to theirs.

    :param jars: the operator's ``jars``
    :param defaults: what spark-submit would read from files; options hide it
    :returns: the configuration and the new ``jars``
    """
    merged: dict[str, Any] = {**user, **ours}
    listeners = user.get("spark.extraListeners") or defaults.get("spark.extraListeners")
    merged["spark.extraListeners"] = _append(listeners, LISTENER_CLASS)
    others = jars or merged.pop("spark.jars", None) or defaults.get("spark.jars")
    return merged, _append(others, str(jar))


def spark_defaults(properties_file: str | None, env: Mapping[str, str]) -> dict[str, str]:
    """What spark-submit reads from the properties file, by default ``spark-defaults.conf``.

    A file that cannot be read says nothing: spark-submit itself reports it.

    :param env: environment of spark-submit
    """
    home = spark_home(env)
    folder = env.get("SPARK_CONF_DIR") or (str(Path(home, "conf")) if home else None)
    file = properties_file or (str(Path(folder, "spark-defaults.conf")) if folder else None)
    try:
        return read_properties(Path(file)) if file else {}
    except (OSError, ValueError):
        return {}


def _append(items: str | None, item: str) -> str:
    kept = [part.strip() for part in (items or "").split(",") if part.strip()]
    return ",".join([*(part for part in kept if part != item), item])
