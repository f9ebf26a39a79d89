"""Checks of Airflow: packages, metadata DB, Fernet key, API server, Spark connection."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from packaging.requirements import Requirement
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from airflow_enel.cli.doctor.checks import TIME_LIMIT_S, Finding, failed, ok, warning
from airflow_enel.history import wire
from airflow_enel.history.http.api_url import api_url
from airflow_enel.history.http.capability import TASK_HEADER, TaskIdentity
from airflow_enel.history.interface import HistoryError
from airflow_enel.history.sql.sessions import SessionFactory, airflow_session
from airflow_enel.spark.submission.client.preflight import check_connection, check_master

if TYPE_CHECKING:
    from airflow_enel.spark.submission.client.provider_hook import ProviderHook

_TOLD: Final = {
    "airflow-enel": "airflow-enel",
    "apache-airflow": "Airflow",
    "apache-airflow-providers-apache-spark": "Spark provider",
}
_NOBODY: Final = TaskIdentity("airflow-enel-doctor", "none", "none", -1, 1)
_CONNECT_S: Final = TIME_LIMIT_S / 2  # two requests within the limit of a check
_SET_URL: Final = (
    "start it (airflow api-server), or say where it is: [enel] api_url, or "
    "[core] execution_api_server_url"
)

Get = Callable[[str, dict[str, str]], int]
"""Returns the status of an answer to a GET request of a URL with headers."""


def packages(
    requirements: Iterable[str] | None = None, version_of: Callable[[str], str] = metadata.version
) -> Finding:
    """The packages that airflow-enel needs are there in versions that it can use.

    :param requirements: as in the metadata of a package, by default those of airflow-enel
    """
    wanted = metadata.requires("airflow-enel") if requirements is None else requirements
    unmet = []
    for requirement in map(Requirement, wanted or ()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = version_of(requirement.name)
        except metadata.PackageNotFoundError:
            unmet.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            unmet.append(f"{requirement.name} is {version}, needs {requirement.specifier}")
    if unmet:
        return failed("; ".join(unmet), "pip install --upgrade airflow-enel")
    return ok(", ".join(f"{told} {version_of(name)}" for name, told in _TOLD.items()))


def database(session_factory: SessionFactory = airflow_session) -> Finding:
    """The metadata DB answers."""
    try:
        with session_factory() as session:
            session.execute(text("SELECT 1"))
            kind = session.get_bind().dialect.name
    except (SQLAlchemyError, HistoryError) as error:  # its text may hold the password
        told = f"does not answer ({type(getattr(error, 'orig', None) or error).__name__})"
        return failed(told, "start it, or correct [database] sql_alchemy_conn")
    return ok(f"{kind} answers")


def migrations(session_factory: SessionFactory = airflow_session) -> Finding:
    """Our tables are as this version needs them."""
    from airflow_enel.history.db_manager import EnelDBManager  # noqa: PLC0415 - takes a second

    try:
        with session_factory() as session:
            manager = EnelDBManager(session)  # type: ignore[no-untyped-call]
            script = manager.get_script_object()
            present = manager.get_current_revision()  # type: ignore[no-untyped-call]
    except (SQLAlchemyError, HistoryError):  # which the check of the DB tells more of
        return failed("not known, as the metadata DB does not answer", "mend that first")
    head = script.get_current_head()
    known = {revision.revision for revision in script.walk_revisions()}
    if present == head:
        return ok(f"the enel_ tables are at {present}")
    if present is None:
        return failed("there are no enel_ tables", "run airflow db migrate")
    if present not in known:
        told = f"the enel_ tables are at {present}, which this version does not know"
        return failed(told, "upgrade airflow-enel on this machine to the version that made them")
    return failed(f"the enel_ tables are at {present}, not at {head}", "run airflow db migrate")


def fernet_key() -> Finding:
    """There is a key with which the tokens of agents are stored."""
    from airflow.models.crypto import get_fernet  # noqa: PLC0415 - needs a configured Airflow

    mend = (
        "set [core] fernet_key to the output of: python -c 'from cryptography.fernet import "
        "Fernet; print(Fernet.generate_key().decode())', the same on all machines"
    )
    try:
        is_encrypted = get_fernet().is_encrypted
    except Exception:  # its text may hold the key
        return failed("[core] fernet_key is no Fernet key", mend)
    if is_encrypted:
        return ok("is set")
    told = "is empty: retries and sensors cannot reach running applications"
    return failed(told, mend)


def http_status(url: str, headers: dict[str, str]) -> int:
    """Return the status of the answer to a GET request."""
    return httpx.get(url, headers=headers, timeout=_CONNECT_S).status_code


def our_routes(get: Get = http_status, address: Callable[[], str] = api_url) -> Finding:
    """The API server has our routes, and they let nobody in whom they do not know."""
    try:
        url = address()
    except ValueError as error:
        return failed(str(error), "set [enel] api_url")
    route = f"{url}{wire.PREFIX}/task"
    token = {"Authorization": f"Bearer {secrets.token_urlsafe()}", TASK_HEADER: _NOBODY.header()}
    try:
        without, with_wrong = get(route, {}), get(route, token)
    except httpx.HTTPError as error:
        return failed(f"nothing answers at {_shown(url)} ({type(error).__name__})", _SET_URL)
    if without == httpx.codes.NOT_FOUND:
        told = f"{_shown(url)} answers, but does not have the plugin"
        return failed(told, "install airflow-enel there too and restart it, or set [enel] api_url")
    if (without, with_wrong) == (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return ok(f"{_shown(url)} has the plugin and refuses strangers")
    told = f"{_shown(url)} answers strangers with {without} and {with_wrong}, not with 401 and 403"
    return failed(told, "look at the log of the API server, and at proxies before it")


def execution_api(get: Get = http_status, address: Callable[[], str] | None = None) -> Finding:
    """The execution API, by which tasks reach Airflow, answers."""
    try:
        url = (address or _execution_url)().rstrip("/")
    except ValueError as error:
        return failed(str(error), _SET_URL)
    try:
        status = get(f"{url}/health", {})
    except httpx.HTTPError as error:
        return failed(f"nothing answers at {_shown(url)} ({type(error).__name__})", _SET_URL)
    if status != httpx.codes.OK:
        told = f"{_shown(url)}/health answers with {status}"
        return failed(told, "correct [core] execution_api_server_url")
    return ok(f"{_shown(url)} answers")


def connection(
    conn_id: str,
    hook: Callable[[str], ProviderHook] | None = None,
    answers: Callable[[str], None] = check_master,
) -> Finding:
    """The Spark connection is one with which applications can be scaled."""
    spark = (hook or _provider_hook)(conn_id)
    if spark.names_default_connection and not spark.connection_exists:
        return warning(
            f"there is no connection {conn_id!r}: workers run a local-cluster of their own",
            "create it, type Spark, for a cluster: airflow connections add; or name another one "
            "by --conn-id",
        )
    try:
        check_connection(spark, "enel")
        kind = spark.connection_type
        if kind != "spark":
            told = f"the connection {conn_id!r} is of type {kind!r}"
            return failed(told, "change its type to spark")
        answers(spark.master)
    except (ValueError, ConnectionError) as error:
        return failed(str(error), "airflow connections get shows it; see README, Installing")
    return ok(f"{conn_id!r} is of type spark, master {spark.master}")


def _provider_hook(conn_id: str) -> ProviderHook:
    from airflow.providers.apache.spark.hooks.spark_submit import (  # noqa: PLC0415 - takes seconds
        SparkSubmitHook,
    )

    from airflow_enel.spark.submission.client.provider_hook import ProviderHook  # noqa: PLC0415

    return ProviderHook(SparkSubmitHook(conn_id=conn_id))


def _execution_url() -> str:
    from airflow.configuration import conf  # noqa: PLC0415 - needs a configured Airflow

    configured = conf.get("core", "execution_api_server_url", fallback="")
    return configured or f"{api_url()}/execution"


def _shown(url: str) -> str:
    """An address without a name and a password that may be part of it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
