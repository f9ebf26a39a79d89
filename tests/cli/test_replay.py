"""``airflow enel replay`` and ``airflow enel fit-job`` on event logs and the history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from airflow_enel.simulation.campaign import simulate_series
from airflow_enel.simulation.figures import FIGURES
from airflow_enel.simulation.job_file import find_job
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.protocol import Protocol
from airflow_enel.simulation.replay import Replay, ReplayPlan, replays
from airflow_enel.simulation.series import SeriesPlan
from tests.support.builders.past_runs import past_run
from tests.support.builders.simulated import LOOP
from tests.support.builders.spark_events import simple_run
from tests.support.builders.stored_runs import store_runs
from tests.support.cli import Enel, log

RUNS = Protocol(runs=12, profiling=6, failing=())
SIZES = (2, 4, 8, 4, 2, 8)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Event logs of twelve simulated runs."""
    folder = tmp_path_factory.mktemp("logs")
    simulate_series(SeriesPlan(LOOP, MODES["elastic"], "bell", 1, 0, RUNS), folder)
    return folder / "bell"


def stored(sizes: tuple[int, ...], names: tuple[str, ...] = ("load", "save")) -> str:
    """The name of a DAG with runs of such sizes."""
    dag_id = f"dag-{uuid4()}"
    runs = [past_run(n, s, [9 + 60 / s] * len(names), names) for n, s in enumerate(sizes, 1)]
    store_runs(dag_id, "report", runs)
    return dag_id


def test_event_logs_are_replayed(enel: Enel, logs: Path) -> None:
    said = enel(
        *("replay", logs, "--target", "0:01:30", "--policy", "bell", "static-maximum"),
        *("--max-executors", "20", "--samples", "2", "-o", "json"),
    )
    assert (said.error, said.notes) == (0, "")
    found = said.json
    assert (found["job"], found["runs"], found["learned_from_before"]) == ("loop", 6, 6)
    assert (found["target_s"], found["executors"][1], found["samples"]) == ([90.0, 90.0], 20, 2)
    assert list(found["policies"]) == ["bell", "static-maximum"]
    for policy in found["policies"].values():
        assert policy.keys() == {
            *(figure.__name__ for figure in FIGURES),
            *("intervals", "untried_share", "beyond_share"),
        }
    assert found["as_it_was"].keys() == {figure.__name__ for figure in FIGURES}
    cost = "executor_minutes_per_run"
    assert found["simulated_as_it_was"][cost] == pytest.approx(found["as_it_was"][cost], rel=0.01)
    low, high = found["policies"]["static-maximum"]["intervals"][cost]
    assert low <= found["policies"]["static-maximum"][cost] <= high


def test_the_same_seed_gives_the_same_json(enel: Enel, logs: Path) -> None:
    arguments = ("replay", logs, "--target", "90", "--policy", "bell", "-o", "json")
    arguments = (*arguments, "--samples", "3", "--seed", "5")
    assert enel(*arguments).out == enel(*arguments).out


def test_the_table_fits_80_columns_and_says_what_the_runs_cannot_tell(
    enel: Enel, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = enel("replay", logs, "--target", "90", "--policy", "ellis", "bell", "--samples", "1")
    assert said.error == 0
    assert max(map(len, said.out.splitlines())) <= 80
    rows = [line.split()[0] for line in said.out.splitlines() if line.strip()]
    assert {"ellis", "bell", "simulated"} <= set(rows)
    assert "The curves rest on 12 runs." in said.out


@pytest.mark.usefixtures("airflow_db")
def test_the_history_of_a_job_is_replayed(enel: Enel) -> None:
    said = enel(
        *("replay", "--dag-id", stored(SIZES), "--job-key", "report", "--policy", "bell"),
        *("--target", "40", "--samples", "0", "-o", "json"),
    )
    assert said.error == 0
    # Three runs of 2·(9 + 60/s) + 2 s at 4, 2 and 8 executors: two of them miss 40 s.
    assert said.json["as_it_was"]["violations"] == 2.0
    assert said.json["executors"] == [1, 64]
    assert said.json["policies"]["bell"]["intervals"]["violations"] is None


@pytest.mark.usefixtures("airflow_db")
@pytest.mark.parametrize(
    ("sizes", "names", "complaint"),
    [
        ((), ("load",), "no run has succeeded in"),
        ((4,), ("load",), "there is only one run, but at least 2"),
        ((4, 4, 4), ("load",), "all 3 runs had 4 executors"),
        ((2, 4, 8), (), "no run has components"),
    ],
)
@pytest.mark.parametrize("command", [("replay", "--policy", "bell"), ("fit-job",)])
def test_a_history_that_tells_nothing_is_refused_in_one_line(
    enel: Enel,
    sizes: tuple[int, ...],
    names: tuple[str, ...],
    complaint: str,
    command: tuple[str, ...],
) -> None:
    said = enel(*command, "--dag-id", stored(sizes, names), "--target", "60")
    assert (said.error, said.out) == (2, "")
    assert complaint in said.notes
    assert said.notes.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--policy", "no-such"), "no policy 'no-such'"),
        (("--policy", ","), "name at least one policy"),
        (("--policy", "bell", "--target", "soon"), "--target: runtime_target is 'soon'"),
        (("--policy", "bell", "--samples", "-1"), "--samples must not be negative"),
        (("--policy", "bell", "--runs", "0"), "--runs must be at least 1"),
        (("--policy", "bell", "--min-executors", "0"), "min_executors must be at least 1"),
        (("--policy", "bell", "--max-executors", "0"), "min_executors"),
        (("--policy", "bell", "--job-key", "other"), "no run of the job 'other' has succeeded"),
        (("--policy", "bell", "--dag-id", "sales"), "give either paths of event logs, or --dag-id"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused_in_one_line(
    enel: Enel, logs: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    target = () if "--target" in arguments else ("--target", "90")
    said = enel("replay", logs, *target, *arguments)
    assert (said.error, said.out) == (2, "")
    assert complaint in said.notes
    assert said.notes.count("\n") == 1


def test_event_logs_have_no_target_so_one_must_be_given(enel: Enel, logs: Path) -> None:
    for command in (("replay", "--policy", "bell"), ("fit-job",)):
        said = enel(command[0], logs, *command[1:])
        assert (said.error, said.out) == (2, "")
        assert "give one by --target" in said.notes


def test_one_of_several_jobs_must_be_named(enel: Enel, logs: Path, tmp_path: Path) -> None:
    other = log(tmp_path, "app-9", simple_run())
    said = enel("replay", logs, other, "--policy", "bell", "--target", "90")
    assert said.error == 2
    assert "has several jobs, name one by --job-key: " in said.notes
    named = enel("fit-job", logs, other, "--job-key", "loop", "--target", "90")
    assert named.error == 0


def test_files_that_cannot_be_used_are_left_out_with_their_reason(
    enel: Enel, logs: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    said = enel("fit-job", logs, tmp_path / "notes.txt", "--target", "90")
    assert said.error == 0
    assert said.notes.startswith("left out: ")
    assert "notes.txt" in said.notes


def test_ctrl_c_shows_what_is_done(enel: Enel, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(plan: ReplayPlan) -> Iterator[Replay]:
        for number, replay in enumerate(replays(plan)):
            if number == 3:
                raise KeyboardInterrupt
            yield replay

    monkeypatch.setattr("airflow_enel.cli.replaying.replays", stopping)
    said = enel("replay", logs, "--target", "90", "--policy", "bell", "-o", "json")
    assert said.error == 130
    assert said.json["samples"] == 1
    assert said.notes == "interrupted: 2 of 21 replays done\n"


def test_a_fitted_job_can_be_simulated(enel: Enel, logs: Path, tmp_path: Path) -> None:
    said = enel("fit-job", logs, "--target", "90")
    assert (said.error, said.notes) == (0, "loop: fitted to 12 runs\n")
    path = tmp_path / "mine.toml"
    path.write_text(said.out)
    job = find_job(str(path))
    assert (job.name, job.target_s) == ("loop", 90.0)
    assert [phase.count for phase in job.phases] == [1, 4, 1]
