# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""What every Airflow process pays for the plugin, and that Airflow accepts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from airflow_enel import __version__
from airflow_enel.provider_info import get_provider_info

WEIGH = """
import json, sys
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

import airflow.plugins_manager
before, modules = resident(), set(sys.modules)
import airflow_enel.plugin
import airflow_enel.provider_info
print(json.dumps([resident() - before, sorted(set(sys.modules) - modules)]))
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_importing_the_plugin_is_cheap() -> None:
    out = subprocess.run(
        [sys.executable, "-c", WEIGH], check=True, capture_output=True, env=dict(os.environ)
    ).stdout
    grown, modules = json.loads(out.splitlines()[-1])
    assert grown < 10 * 2**20
    heavy = {"numpy", "scipy", "fastapi", "sqlalchemy", "pydantic", "httpx"}
    assert not heavy & {name.split(".")[0] for name in modules}
    assert not [name for name in modules if name.startswith("airflow_enel.history")]


def test_airflow_mounts_the_plugin(api: Any) -> None:
    from airflow import plugins_manager

    apps, _ = plugins_manager.get_fastapi_plugins()
    assert [a["url_prefix"] for a in apps if a["name"] == "airflow-enel"] == ["/enel"]
    assert api.get("/enel/api/v1/no-such-route").status_code == 404


def test_the_provider_info_satisfies_airflows_schema() -> None:
    from importlib.resources import files

    import jsonschema

    info = get_provider_info()
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(info, schema)
    assert info["versions"][0] == __version__


def test_airflow_knows_the_options_and_their_defaults(airflow_db: None) -> None:
    from airflow.configuration import conf

    for name, option in get_provider_info()["config"]["enel"]["options"].items():
        assert conf.get("enel", name, fallback=option["default"]) == option["default"]
