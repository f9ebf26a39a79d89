"""Checks on the worker before an application is submitted in client mode."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlparse

if TYPE_CHECKING:
    from airflow_enel.spark.submission.client.provider_hook import ProviderHook

_SCALABLE: Final = ("local-cluster[", "spark://")
_CONNECT_WITHIN_S: Final = 5.0


def check_application(application: str) -> None:
    """Refuse an application that is not there, where that can be seen from here.

    :raises FileNotFoundError: if it is a local file that does not exist
    :raises ValueError: if there is none
    """
    if not application:
        raise ValueError("application is empty: give the .py or .jar file to submit")
    url = urlparse(application)
    if url.scheme not in ("", "file"):
        return
    path = Path(url.path if url.scheme else application)
    if not path.is_file():
        raise FileNotFoundError(
            f"the application {application} does not exist on this worker: give the path of a "
            f".py or .jar file, absolute or relative to {Path.cwd()}"
        )


def check_connection(hook: ProviderHook, policy: str) -> None:
    """Refuse a cluster that this operator cannot scale yet.

    Plain ``local[…]`` has one executor that cannot change: for the policy "static" it will do.

    :raises ValueError: names the connection to change
    """
    if not hook.names_default_connection and not hook.connection_exists:
        raise ValueError(
            f"there is no Airflow connection {hook.connection_id!r}: create it, type Spark"
        )
    master, mode = hook.master, hook.deploy_mode
    scalable = master.startswith(_SCALABLE)
    if policy == "static" and master.startswith("local"):
        scalable = True
    if mode != "client" or not scalable:
        raise ValueError(
            f"EnelSparkOperator scales applications on Spark standalone (spark://host:port) and "
            f"local-cluster[…] in client mode; the connection {hook.connection_id!r} says master "
            f"{master!r} in {mode} mode. Change the connection, or use SparkSubmitOperator."
        )


def check_master(master: str) -> None:
    """Refuse a standalone master that nobody listens for, instead of a minute of retries.

    :param master: of a high-availability set one that answers is enough
    :raises ConnectionError: names what was tried
    """
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_WITHIN_S).close()
        except (OSError, ValueError):
            continue
        return
    raise ConnectionError(
        f"no Spark master answers at {master}: start it, or correct the Spark connection"
    )
