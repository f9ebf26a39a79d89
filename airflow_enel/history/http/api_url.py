"""The address of the API server, from Airflow's configuration."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf

_DEFAULT = "http://localhost:8080"


def api_url() -> str:
    """Return the address of the API server, without a slash at its end.

    ``[enel] api_url``; else ``[core] execution_api_server_url`` without ``/execution/``, which
    is where workers find the API server already; else ``[api] base_url``. With an execution API
    server of its own only the first can be right: plugins are mounted beside the UI.

    :raises ValueError: if it is no http(s) address
    """
    execution = (conf.get("core", "execution_api_server_url", fallback="") or "").rstrip("/")
    url = (
        conf.get("enel", "api_url", fallback="")
        or execution.removesuffix("/execution")
        or conf.get("api", "base_url", fallback="")
        or _DEFAULT
    ).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(
            f"{parts.scheme}://{parts.hostname} is no address of an API server: set [enel] api_url "
            "to e.g. https://airflow.example.org"
        )
    return url
