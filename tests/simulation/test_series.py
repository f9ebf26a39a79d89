from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_enel.domain import RunState
from airflow_enel.ingest.read_runs import RunReader, Wanted
from airflow_enel.simulation.event_log import write_event_log
from airflow_enel.simulation.job import Phase
from airflow_enel.simulation.job_file import find_job
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.past import runs_to_learn_from, without_stages
from airflow_enel.simulation.protocol import Protocol
from airflow_enel.simulation.series import PROFILING, Series, SeriesPlan, SimulatedRun
from tests.support.builders.past_runs import past_run
from tests.support.builders.simulated import LOOP, SHORT


def series(policy: str, **changes: object) -> list[SimulatedRun]:
    plan = SeriesPlan(LOOP, MODES["elastic"], policy, seed=3, campaign=0, protocol=SHORT)
    return list(Series(replace(plan, **changes)).runs())  # type: ignore[arg-type]


def test_the_first_runs_are_profiled_at_sizes_by_chance() -> None:
    runs = series("static-maximum")
    assert [run.run.policy for run in runs] == [PROFILING] * 4 + ["static-maximum"] * 10
    assert len({run.run.initial_executors for run in runs[:4]}) > 1
    assert {run.run.initial_executors for run in runs[4:]} == {12}


def test_executors_are_killed_in_the_runs_of_the_protocol_alone() -> None:
    slow = replace(LOOP, phases=(Phase("wait", fixed_s=200.0),))
    runs = series("static-maximum", job=slow)
    assert {run.number for run in runs if run.outcome.executors_lost} == {8, 9}


def test_every_policy_meets_the_same_noise() -> None:
    first, second = series("static-maximum"), series("bell")
    sizes = [
        (a.run.initial_executors, b.run.initial_executors)
        for a, b in zip(first, second, strict=True)
    ]
    same = [index for index, (a, b) in enumerate(sizes) if a == b]
    assert len(same) >= 4
    for index in same:
        assert first[index].outcome == second[index].outcome


def test_a_policy_learns_from_the_runs_before() -> None:
    # 300 s are met by two executors: 20 + 4·(60 + 0.2) + 10 s.
    assert [run.run.initial_executors for run in series("bell")][-1] <= 3


def test_targets_are_judged() -> None:
    tight = replace(LOOP, target_s=60.0)
    runs = series("static-maximum", job=tight)
    assert [run.outcome.violation_s for run in runs[4:7]] == pytest.approx([14.8] * 3, abs=3)
    assert {run.outcome.state for run in runs} == {RunState.SUCCEEDED}


@pytest.mark.parametrize("job", ["LR", "ETL"])
def test_a_run_and_its_event_log_make_the_same_history(tmp_path: Path, job: str) -> None:
    plan = SeriesPlan(find_job(job), MODES["realistic"], "ellis", seed=3, campaign=0)
    protocol = Protocol(runs=8, profiling=6, failing=((8, 8),))
    run = list(Series(replace(plan, protocol=protocol)).runs())[-1]
    write_event_log(tmp_path / "log", run.events)

    line, read = RunReader(Wanted("dag"), {}).read(tmp_path / "log")

    assert line.reason == ""
    assert read is not None
    assert read.components == run.past.components
    assert replace(read.outcome, violation_s=run.outcome.violation_s) == run.outcome
    assert read.run.context.get("input_mib") == run.run.context.get("input_mib")
    assert (
        replace(
            read.past,
            run_id=run.past.run_id,
            context=run.past.context,
            initial_executors=run.past.initial_executors,
        )
        == run.past
    )


def test_the_latest_runs_are_learned_from_and_three_of_each_other_size() -> None:
    sizes = [4] * 5 + [8] * 2 + [12] * 50
    runs = [past_run(number, executors=size) for number, size in enumerate(sizes)]
    chosen = runs_to_learn_from(runs)
    assert chosen == [*runs[2:7], *runs[7:]]


def test_forecasters_that_read_no_stages_get_none() -> None:
    run = series("static-maximum")[0].past
    assert any(component.stages for component in run.components)
    kept = without_stages(run).components
    assert not any(component.stages for component in kept)
    assert [c.input_bytes for c in kept] == [c.input_bytes for c in run.components]
    assert any(component.input_bytes for component in kept)
