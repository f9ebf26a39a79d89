"""Reads from Spark's properties and its installation what is known of a run before it starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from airflow_enel.domain import ContextValue

CONTEXT_PREFIX: Final = "spark.enel.context."
"""Of properties that say more of a run, such as ``spark.enel.context.input_mib``."""

_BLACKED_OUT: Final = "*********(redacted)"
_FACTOR: Final = {"b": 2**-20, "k": 2**-10, "m": 1, "g": 2**10, "t": 2**20, "p": 2**30}
_SIZE: Final = re.compile(r"([0-9]{1,18})\s*(?:([kmgtp])b?|(b))?", re.IGNORECASE | re.ASCII)
_CORES: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_CORE_JAR: Final = re.compile(r"spark-core_[^-]*-(.+)\.jar")
_MOST_MIB: Final = 2**40  # an exbibyte
_DEFAULT_MEMORY: Final = "1g"  # of executors and driver


def mebibytes(size: str) -> int:
    """Spark's notation of a size of memory in MiB, rounded up.

    :raises ValueError: if it is none
    """
    match = _SIZE.fullmatch(str(size).strip())
    if match is None:
        raise ValueError(f"{size!r} is no size of memory; write for instance 512m or 2g")
    factor = _FACTOR[(match[2] or match[3] or "m").lower()]
    mib = max(1, -int(-float(match[1]) * factor // 1))
    if mib > _MOST_MIB:
        raise ValueError(f"{size!r} is more memory than there is; write for instance 512m or 2g")
    return mib


def size_context(properties: Mapping[str, object]) -> dict[str, ContextValue]:
    """Return what properties tell of the size of executors and driver.

    A size that cannot be read, be it a template, is left out.
    """
    found: dict[str, ContextValue] = {}
    cores = str(properties.get("spark.executor.cores", "")).strip()
    if _CORES.fullmatch(cores):
        found["executor_cores"] = int(cores)
    for role in ("executor", "driver"):
        size = str(properties.get(f"spark.{role}.memory", _DEFAULT_MEMORY))
        with suppress(ValueError):
            found[f"{role}_memory_mib"] = mebibytes(size)
    return found


def given_context(properties: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """What properties that begin with :data:`CONTEXT_PREFIX` say, by the rest of their names.

    Spark's event log blacks out those that sound like a secret: they say nothing.
    """
    for name, value in properties.items():
        if name.startswith(CONTEXT_PREFIX) and value != _BLACKED_OUT:
            yield name.removeprefix(CONTEXT_PREFIX), value


def installed_version(env: Mapping[str, str]) -> str | None:
    """Return the version of the Spark that spark-submit starts, None if it cannot be told."""
    home = spark_home(env)
    if not home:
        return None
    names = (path.name for path in Path(home, "jars").glob("spark-core_*.jar"))
    versions = [match[1] for name in names if (match := _CORE_JAR.fullmatch(name))]
    return versions[0] if len(versions) == 1 else None


def spark_home(env: Mapping[str, str]) -> str | None:
    """Return the folder of the Spark that spark-submit starts, None if it cannot be told."""
    return env.get("SPARK_HOME") or _pyspark_home()


def _pyspark_home() -> str | None:
    spec = find_spec("pyspark")  # finds it without importing it
    places = spec.submodule_search_locations if spec is not None else None
    return next(iter(places), None) if places else None
