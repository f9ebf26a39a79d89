"""Reads from Spark's properties and its installation what is known of a run before it starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from airflow_enel.domain import ContextValue, RunContext

CONTEXT_PREFIX: Final = "spark.enel.context."
"""Of properties that say more of a run, such as ``spark.enel.context.input_mib``."""

_ENCODED: Final = "json:"
_PLAIN_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)
_PLAIN_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_UNRENDERED: Final = "{{ macros.enel."
_BLACKED_OUT: Final = "*********(redacted)"
_FACTOR: Final = {"b": 2**-20, "k": 2**-10, "m": 1, "g": 2**10, "t": 2**20, "p": 2**30}
_SIZE: Final = re.compile(r"([0-9]{1,18})\s{0,20}(?:([kmgtp])b?|(b))?", re.IGNORECASE | re.ASCII)
_CORES: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_CORE_JAR: Final = re.compile(r"spark-core_[^-]*-(.+)\.jar")
_SHOWN: Final = 100
_MOST_MIB: Final = 2**40  # an exbibyte
_DEFAULT_MEMORY: Final = "1g"  # of executors and driver


def mebibytes(size: str) -> int:
    """Spark's notation of a size of memory in MiB, rounded up.

    :raises ValueError: if it is none
    """
    match = _SIZE.fullmatch(str(size).strip())
    shown = repr(str(size)[:_SHOWN])
    if match is None:
        raise ValueError(f"{shown} is no size of memory; write for instance 512m or 2g")
    factor = _FACTOR[(match[2] or match[3] or "m").lower()]
    mib = max(1, -int(-float(match[1]) * factor // 1))
    if mib > _MOST_MIB:
        raise ValueError(f"{shown} is more memory than there is; write for instance 512m or 2g")
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

    Left out are templates of ours that are not rendered yet, and what Spark's event log has
    blacked out because its name or value sounds like a secret.
    """
    for name, value in properties.items():
        if not name.startswith(CONTEXT_PREFIX) or value == _BLACKED_OUT:
            continue
        known = _decoded(name.removeprefix(CONTEXT_PREFIX))
        if not isinstance(value, str):
            yield known, value
        elif not value.startswith(_UNRENDERED):
            yield known, _decoded(value)


def context_properties(context: RunContext) -> dict[str, str]:
    """Return the properties from which `given_context` reads a context again."""
    return {context_property(name): context_text(value) for name, value in context}


def context_property(name: str) -> str:
    """Return the name of the property for an entry of a context."""
    plain = _PLAIN_NAME.fullmatch(name) and not name.startswith(_ENCODED)
    return CONTEXT_PREFIX + (name if plain else _encoded(name))


def context_text(value: ContextValue) -> str:
    """Return the value of the property for an entry of a context.

    What command lines and properties files might change, such as line breaks, white space at the
    ends or letters that the driver's locale lacks, is written as JSON in ASCII.
    """
    if not isinstance(value, str):
        return repr(value)
    plain = _PLAIN_VALUE.fullmatch(value) and not value.startswith(_ENCODED)
    return value if plain else _encoded(value)


def _encoded(text: str) -> str:
    # "=" ends the name in --conf, and white space ends it in properties files.
    return _ENCODED + json.dumps(text).replace("=", r"\u003d").replace(" ", r"\u0020")


def _decoded(text: str) -> str:
    if text.startswith(_ENCODED):
        with suppress(ValueError, RecursionError):
            decoded = json.loads(text.removeprefix(_ENCODED))
            return decoded if isinstance(decoded, str) else text
    return text


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
