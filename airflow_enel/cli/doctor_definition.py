"""Command of ``airflow enel`` that checks an installation: ``doctor``."""

from __future__ import annotations

from typing import Final

from airflow.cli.cli_config import ActionCommand, lazy_load_command

from airflow_enel.cli.arguments import OUTPUT, arg

DOCTOR: Final = ActionCommand(
    name="doctor",
    help="Check the installation, and say how to mend what is wrong",
    description=(
        "Checks packages, metadata DB, tables, Fernet key, API server, Spark connection, "
        "spark-submit, Java, agent, folders and decommissioning as they are on this machine: run "
        "it on a worker too. Nothing is changed. Exits with 1 if a check has failed; warnings are "
        "no failures. No check takes longer than 5 s."
    ),
    func=lazy_load_command("airflow_enel.cli.doctor.examination.doctor"),
    args=(
        arg(
            "--conn-id",
            metavar="ID",
            default="spark_default",
            help="the Spark connection of your tasks; spark_default by default",
        ),
        OUTPUT,
    ),
)
