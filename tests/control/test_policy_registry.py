"""Policies by name: built in, entry points of other packages, import paths."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_enel.control.policies import Policy, PolicyContext, find_policy
from airflow_enel.control.policies.registry import BUILT_IN, ENTRY_POINT_GROUP
from airflow_enel.domain import Bounds, Proposal
from airflow_enel.predict.registry import forecaster_names
from tests.support.builders.snapshots import forecast, progress
from tests.support.fakes.entry_points import declaring
from tests.support.processes.python import modules_loaded_by

_HERE = "tests.control.test_policy_registry"


def smallest(context: PolicyContext) -> Proposal:
    return Proposal(context.bounds.minimum, "as few as possible")


OWN = Policy("own", smallest)


@pytest.fixture
def declared(monkeypatch):
    """Entry points of installed packages."""
    return declaring(monkeypatch, ENTRY_POINT_GROUP)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_policy_has_the_name_it_is_found_by(name):
    assert find_policy(name).name == name


def test_an_entry_point_of_another_package_is_a_policy(declared):
    declared(own=f"{_HERE}:OWN")
    assert find_policy("own") == OWN


def test_an_entry_point_cannot_replace_a_built_in_policy(declared):
    declared(ellis=f"{_HERE}:OWN")
    assert find_policy("ellis").name == "ellis"


def test_an_import_path_is_a_policy():
    assert find_policy(f"{_HERE}:OWN") == OWN


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "enell",
            "no policy 'enell': there are enel, enel-risk, ellis, .*, observe; .*:Name",
        ),
        ("no.such.module:OWN", "'no.such.module:OWN' cannot be imported: No module named 'no'"),
        (f"{_HERE}:OTHER", "cannot be imported: .* has no attribute 'OTHER'"),
        (f"{_HERE}:smallest", r"is no airflow_enel\.control\.policies\.Policy: <function"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_reason(declared, name, message):
    declared()
    with pytest.raises(ValueError, match=message):
        find_policy(name)


@pytest.mark.processes
def test_a_policy_of_an_import_path_is_found_in_every_process():
    script = (
        "from airflow_enel.control.policies import find_policy;"
        f"print(find_policy('{_HERE}:OWN').name)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout == "own\n"


@pytest.mark.processes
def test_finding_a_policy_imports_no_forecaster():
    loaded = modules_loaded_by(
        "from airflow_enel.control.policies import find_policy; find_policy('enel-paper')"
    )
    assert not {"numpy", "scipy", "airflow_enel.predict.curves"} & loaded


def test_the_policy_of_the_documentation_works():
    text = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    _, section = text.split("## Add a policy")
    (code,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    found: dict[str, object] = {}
    exec(code, found)  # noqa: S102 - our own documentation
    policy = found["CAREFUL"]
    assert isinstance(policy, Policy)
    assert policy.forecaster in forecaster_names()
    seen = forecast({2: 120.0, 3: 80.0, 4: 60.0})
    context = PolicyContext(seen, 200.0, progress(2, elapsed_s=100.0), Bounds(2, 4))
    assert policy.propose(context) == Proposal(3, "2 sizes are in time at 95 %")
