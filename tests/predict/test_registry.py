"""Forecasters by name: built in, entry points of other packages, import paths."""

from __future__ import annotations

import pytest

from airflow_enel.domain import Bounds, Progress
from airflow_enel.predict.registry import (
    BUILT_IN,
    ENTRY_POINT_GROUP,
    create_forecaster,
    forecaster_names,
)
from tests.support.fakes.entry_points import declaring
from tests.support.processes.python import modules_loaded_by

_HERE = "tests.predict.test_registry"


class Own:
    """A forecaster of another package."""

    name = "own"

    def fit(self, past_runs):
        return self

    def predict(self, progress, bounds):
        return None


NO_CLASS = "not callable"


@pytest.fixture
def declared(monkeypatch):
    """Entry points of installed packages."""
    return declaring(monkeypatch, ENTRY_POINT_GROUP)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_forecaster_has_the_name_it_is_created_by(name):
    forecaster = create_forecaster(name)
    assert forecaster.name == name
    assert forecaster.predict(Progress.at_start(Bounds(1, 2)), Bounds(1, 2)) is None
    assert create_forecaster(name) is not forecaster


def test_an_entry_point_of_another_package_is_a_forecaster(declared):
    declared(own=f"{_HERE}:Own")
    assert forecaster_names() == (*BUILT_IN, "own")
    assert create_forecaster("own").name == "own"


def test_an_entry_point_cannot_replace_a_built_in_forecaster(declared):
    declared(ellis=f"{_HERE}:Own")
    assert forecaster_names() == tuple(BUILT_IN)
    assert create_forecaster("ellis").name == "ellis"


def test_an_import_path_is_a_forecaster():
    assert create_forecaster(f"{_HERE}:Own").name == "own"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tarot", "no forecaster 'tarot': there are bell, ellis, conditional, enel; .*:Name"),
        ("no.such.module:Own", "'no.such.module:Own' cannot be imported: No module named 'no'"),
        (f"{_HERE}:Other", "cannot be imported: .* has no attribute 'Other'"),
        (":Own", "':Own' cannot be imported: "),
        (f"{_HERE}:NO_CLASS", "is no class and no function: 'not callable'"),
    ],
)
def test_what_is_no_forecaster_is_refused_with_the_reason(declared, name, told):
    declared()
    with pytest.raises(ValueError, match=told):
        create_forecaster(name)


def test_an_entry_point_that_cannot_be_imported_is_refused_by_its_name(declared):
    declared(broken="no.such.module:Own")
    with pytest.raises(ValueError, match="the forecaster 'broken' cannot be imported"):
        create_forecaster("broken")


@pytest.mark.processes
def test_the_registry_imports_no_forecaster():
    loaded = modules_loaded_by("import airflow_enel.predict.registry")
    assert not {"numpy", "scipy", "airflow_enel.predict.curves"} & loaded
