"""The agent in the Spark driver: a jar with one listener, added to an application with --jars.

The package holds its Java sources, compile-only stubs of what they use of Spark, and the build.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["JAR_NAME", "LISTENER_CLASS", "agent_jar"]

JAR_NAME: Final = "enel-agent.jar"
LISTENER_CLASS: Final = "io.github.airflow_enel.EnelAgent"
"""What belongs into ``spark.extraListeners``, appended to those that are there."""


def agent_jar() -> Path:
    """The agent's jar, as it is installed with this package.

    :raises FileNotFoundError: if it was not built, as in a source tree without a JDK
    """
    jar = Path(__file__).with_name(JAR_NAME)
    if not jar.is_file():
        raise FileNotFoundError(
            f"{jar} is missing; build it with `python -m airflow_enel.spark.agent.build`"
        )
    return jar
