from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_enel.simulation.campaign import Experiment, complete_campaigns, simulate
from airflow_enel.simulation.figures import SeriesFigures
from airflow_enel.simulation.mode import MODES
from tests.support.builders.simulated import CACHED, LOOP, SHORT

EXPERIMENT = Experiment(
    ("static-maximum", "oracle"),
    (LOOP, CACHED),
    MODES["realistic"],
    campaigns=2,
    seed=5,
    protocol=SHORT,
)


def timeless(series: SeriesFigures) -> SeriesFigures:
    """Without what depends on this machine."""
    runs = (replace(run, training_s=0.0, deciding_s=0.0) for run in series.runs)
    return replace(series, runs=tuple(runs))


def test_campaigns_come_one_after_the_other() -> None:
    found = [(s.campaign, s.policy, s.job) for s in simulate(EXPERIMENT)]
    assert found == [
        (campaign, policy, job)
        for campaign in (0, 1)
        for policy in ("static-maximum", "oracle")
        for job in ("loop", "cached")
    ]


@pytest.mark.processes
def test_several_processes_find_the_same_in_the_same_order() -> None:
    alone = [timeless(series) for series in simulate(EXPERIMENT)]
    assert [timeless(series) for series in simulate(EXPERIMENT, 2)] == alone


def test_campaigns_that_are_not_whole_are_left_out() -> None:
    series = list(simulate(EXPERIMENT))
    assert complete_campaigns(EXPERIMENT, series[:7]) == tuple(series[:4])
    assert complete_campaigns(EXPERIMENT, series[:3]) == ()


def test_event_logs_are_written_by_policy(tmp_path: Path) -> None:
    one = replace(EXPERIMENT, policies=("static-maximum",), jobs=(LOOP,), campaigns=1)
    list(simulate(replace(one, event_logs=tmp_path)))
    names = sorted(path.name for path in (tmp_path / "static-maximum").iterdir())
    assert names == [f"loop-1-{number:03}" for number in range(1, 15)]


def test_the_logs_of_a_job_that_is_called_like_a_path_stay_in_the_folder(tmp_path: Path) -> None:
    job = replace(LOOP, name="../../loop")
    one = replace(EXPERIMENT, policies=("static-maximum",), jobs=(job,), campaigns=1)
    list(simulate(replace(one, event_logs=tmp_path / "logs")))
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert len(list((tmp_path / "logs" / "static-maximum").iterdir())) == SHORT.runs


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"campaigns": 0}, "campaigns must be at least 1, not 0"),
        ({"seed": -1}, "seed must be a number"),
        ({"policies": ()}, "name at least one policy"),
        ({"jobs": ()}, "name at least one job"),
        ({"jobs": (LOOP, LOOP)}, "each job can be named once"),
        ({"policies": ("bell", "bell")}, "each policy can be named once"),
    ],
)
def test_an_experiment_without_sense_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(EXPERIMENT, **change)  # type: ignore[arg-type]
