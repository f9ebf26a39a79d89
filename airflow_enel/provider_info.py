"""What Airflow asks of a provider; read in every process, so it imports nothing."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return what this package adds to Airflow."""
    return {
        "package-name": "airflow-enel",
        "name": "Enel",
        "description": (
            "Recurring Spark applications that meet their deadline at the lowest cost."
        ),
        "versions": ["0.1.0"],
        "integrations": [{"integration-name": "Enel", "tags": ["apache", "software"]}],
        "operators": [
            {
                "integration-name": "Enel",
                "python-modules": [
                    "airflow_enel.operators.spark",
                    "airflow_enel.operators.train",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "Enel",
                "python-modules": ["airflow_enel.sensors.spark"],
            }
        ],
        "cli": ["airflow_enel.cli.definition.get_enel_cli_commands"],
        "db-managers": ["airflow_enel.history.db_manager.EnelDBManager"],
        "config": {"enel": {"description": "Settings of airflow-enel.", "options": _OPTIONS}},
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "api_url": {
        "description": (
            "Address of the API server that has the plugin, as tasks and triggers reach it. "
            "Needed only where the execution API runs on a server of its own: by default it is "
            "``[core] execution_api_server_url`` without ``/execution/``, else "
            "``[api] base_url``.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "https://airflow.example.org",
        "default": "",
    },
    "trainers": {
        "description": (
            "Tasks that may read the history of all DAGs and publish models shared by them: "
            "pairs ``dag_id:task_id``, separated by commas. By default there are none. Every "
            "other task reads the history of its own DAG only, and uses what was published.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "enel_maintenance:train",
        "default": "",
    },
    "unknown_patience": {
        "description": (
            "Seconds that a retry waits to learn whether an application that an earlier try has "
            "submitted on another worker still runs. Then the try fails: a second application is "
            "never started beside one that may be alive.\n"
        ),
        "version_added": "0.1.0",
        "type": "float",
        "example": "600",
        "default": "600",
    },
    "work_dir": {
        "description": (
            "Folder on the worker for the output and exit code of drivers in client mode, one "
            "folder per run, removed when it has ended. By default in the temporary folder.\n"
        ),
        "version_added": "0.1.0",
        "type": "string",
        "example": "/var/lib/airflow/enel",
        "default": "",
    },
}
