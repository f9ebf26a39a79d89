# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""From runs in the metadata DB to a model there, and from the model to a task's forecast."""

from __future__ import annotations

import itertools
import logging
import subprocess
import sys
import time
from typing import Any, cast

import pytest

from airflow_enel.control.decide import first_step
from airflow_enel.domain import Bounds, PastRun, RunKey
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import job_past, scaling_config
from airflow_enel.predict.enel.forecaster import Enel
from tests.support.builders.recurring_jobs import SCENARIOS, make_job, make_runs
from tests.support.builders.stored_runs import store_runs

pytestmark = pytest.mark.usefixtures("airflow_db")

LOG = cast("Any", logging.getLogger("test"))
BOUNDS = Bounds(2, 24)
SIZES = (4, 8, 16, 24)
_numbers = itertools.count()


def job_runs(number: int, count: int = 12) -> list[PastRun]:
    """Runs whose input differs, so that context explains them."""
    return make_runs(make_job(number, 3), SCENARIOS["input"], count, 3, SIZES)


@pytest.fixture
def dag_id() -> str:
    return f"forecast-{next(_numbers)}"


def config(dag_id: str) -> Any:
    """As operator, sensor and the rendering of other operators make it."""
    from airflow_enel.history.sql.repository import SqlHistory

    key = RunKey(dag_id, "run", "job", -1, 1)
    context = job_runs(0)[-1].context
    request = RunRequest(key, "job", "job.py", "enel-paper", BOUNDS, 100.0, context=context)
    return scaling_config(request, job_past(SqlHistory(), request, LOG), 1)


def test_a_model_trained_on_the_history_is_what_the_next_run_is_sized_by(
    dag_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("torch", reason="training needs the extra train")
    from airflow_enel.control.training_plan import TrainingRequest
    from airflow_enel.execution.model_training import train_shared_model
    from airflow_enel.history.interface import RecurringJob
    from airflow_enel.history.sql.repository import SqlHistory
    from airflow_enel.history.sql.trained_models import SqlModels

    class OfThisTest(SqlHistory):
        """Without the odd runs of other tests, which share the database."""

        def training_jobs(self) -> tuple[RecurringJob, ...]:
            return (RecurringJob(dag_id, "job"),)

    store_runs(dag_id, "job", job_runs(0))
    told: list[str] = []
    training = train_shared_model(
        OfThisTest(), TrainingRequest(1, 1), time.time(), lambda what, *_: told.append(what)
    )
    assert told
    (gate,) = [gate for gate in training.manifest.jobs if gate.job == f"{dag_id}/job"]
    assert gate.runs == 12
    latest = SqlModels().latest_model("enel")
    assert latest is not None
    assert (latest.name, latest.sha256) == (training.model.name, training.model.sha256)

    forecaster = config(dag_id).forecaster
    assert isinstance(forecaster, Enel)
    assert f"gate={gate.gates.start.share:.3g}," in repr(forecaster)
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == []
    step = first_step(config(dag_id), job_runs(0), None, 0.0)
    assert step.forecast is not None
    assert step.forecast.forecaster == "enel"


WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("torch", "torch_geometric"):
            raise AssertionError("somebody imports " + name)
sys.meta_path.insert(0, Refuse())
import airflow_enel.execution.run_task, airflow_enel.execution.external_run
import airflow_enel.execution.sensor_poll, airflow_enel.web.api
from airflow_enel.control.decide import first_step
from airflow_enel.execution.scaling_config import JobModel
from airflow_enel.domain import Bounds, RunKey
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import JobPast, scaling_config
from tests.support.fakes.models import generated_runs, stored
runs, model = generated_runs(), JobModel(stored(), "dag/job")
key = RunKey("dag", "run", "job", -1, 1)
run = RunRequest(key, "job", "job.py", "enel-paper", Bounds(2, 12), 100.0, context=runs[0].context)
config = scaling_config(run, JobPast(runs, model), 1)
assert "gate=1," in repr(config.forecaster), repr(config.forecaster)
assert first_step(config, runs, None, 0.0).forecast is not None
print("fine", [name for name in sys.modules if name.split(".")[0].startswith("torch")])
"""


@pytest.mark.processes
def test_no_task_and_no_server_imports_torch_to_forecast_with_a_model() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines()[-1:] == ["fine []"], result.stderr[-2000:]
