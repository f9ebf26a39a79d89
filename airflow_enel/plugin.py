"""The plugin: mounts our REST API in the API server.

Every Airflow process imports this module. It stays light: the application behind the mount is
built when the first request arrives.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from airflow_enel.web.app import LazyApp


class EnelPlugin(AirflowPlugin):
    """What airflow-enel adds to the API server."""

    name = "enel"
    fastapi_apps = [  # noqa: RUF012 - Airflow declares it so
        {"app": LazyApp(), "url_prefix": "/enel", "name": "airflow-enel"}
    ]
