"""What is wrong with a task, said before anything is submitted."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlparse

from airflow_enel.control.policies import Policy
from airflow_enel.control.policies.sizing import need_target
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain.context import MAX_ENTRIES, check_entry, read_entry

if TYPE_CHECKING:
    from airflow_enel.operators.provider_hook import ProviderHook

_STEERABLE: Final = ("local-cluster[", "spark://")
_CONNECT_WITHIN_S: Final = 5.0


def check_target(value: timedelta | float | str | None, policy: Policy) -> None:
    """Refuse a runtime target that cannot be one; a template is checked when it is rendered.

    :raises ValueError: says what to write
    """
    if policy.needs_target and value is None:
        need_target(policy.name, None)
    if not (isinstance(value, str) and "{" in value):
        parse_runtime_target(value)


def check_context(context: object, *, at_run_time: bool = True) -> None:
    """Refuse a context that cannot be one; templates are checked when they are rendered.

    :param at_run_time: False if there is nobody who could resolve outputs of other tasks
    :raises ValueError: says which entry is wrong
    """
    if context is None or (at_run_time and _is_resolved_later(context)):
        return
    if not isinstance(context, Mapping):
        raise ValueError(  # noqa: TRY004 - as for the other arguments
            "context must map names to texts or numbers, such as {'input_mib': 2048}"
        )
    if len(context) > MAX_ENTRIES:
        raise ValueError(f"context has {len(context)} entries, at most {MAX_ENTRIES} are kept")
    for name, value in context.items():
        if _is_template(value) or (at_run_time and _is_resolved_later(value)):
            check_entry(name, "")
        else:
            read_entry(name, value)


def _is_template(value: object) -> bool:
    return isinstance(value, str) and "{" in value


def _is_resolved_later(value: object) -> bool:
    """Outputs of other tasks, which Airflow resolves like templates, or a template of it all."""
    return _is_template(value) or hasattr(value, "resolve")


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
    """Refuse a cluster that this operator cannot steer yet.

    Plain ``local[…]`` has one executor that cannot change: for the policy "static" it will do.

    :raises ValueError: names the connection to change
    """
    if not hook.names_default_connection and not hook.connection_exists:
        raise ValueError(
            f"there is no Airflow connection {hook.connection_id!r}: create it, type Spark"
        )
    master, mode = hook.master, hook.deploy_mode
    steerable = master.startswith(_STEERABLE)
    if policy == "static" and master.startswith("local"):
        steerable = True
    if mode != "client" or not steerable:
        raise ValueError(
            f"EnelSparkOperator steers applications on Spark standalone (spark://host:port) and "
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
