"""The plugin: mounts our REST API in the API server, and has macros for other operators.

Every Airflow process imports this module. It stays light: the application behind the mount is
built when the first request arrives.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_enel.macros import MACROS
from airflow_enel.web.app import LazyApp


class EnelPlugin(AirflowPlugin):
    """What airflow-enel adds to Airflow."""

    name = "enel"
    fastapi_apps = [  # noqa: RUF012 - Airflow declares it so
        {"app": LazyApp(), "url_prefix": "/enel", "name": "airflow-enel"}
    ]
    macros = MACROS
