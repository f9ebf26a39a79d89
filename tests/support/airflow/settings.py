"""Settings of an Airflow in a folder of its own, as environment variables.

Airflow reads them when it is imported: they are set before, or for another process.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path


def settings_of(home: Path, database: str | None = None, **others: str) -> dict[str, str]:
    """The settings that every Airflow of tests and benchmarks shares.

    :param home: the folder
    :param database: URL of the metadata DB, by default SQLite in the folder
    :param others: further environment variables
    """
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API_AUTH__JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database or f"sqlite:///{home}/airflow.db",
        **others,
    }
