"""``airflow enel simulate`` through Airflow's parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Enel

JOB = """
name = "mine"
target_s = 300
[[phases]]
name = "load"
fixed_s = 40
[[phases]]
name = "iteration"
count = 5
parallel_s = 300
cached = true
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(JOB)
    return path


def test_policies_are_compared_in_a_table(enel: Enel, job: Path) -> None:
    said = enel(
        "simulate", "--policy", "static-maximum,oracle", "bell", "--jobs", job, "--processes", 1
    )
    assert said.error == 0
    assert "1 × 55 runs, seed 0" in said.out
    rows = [line.split()[0] for line in said.out.splitlines() if line.strip()]
    assert {"static-maximum", "oracle", "bell"} <= set(rows)
    assert max(map(len, said.out.splitlines())) <= 80


def test_the_same_seed_gives_the_same_bytes(enel: Enel, job: Path) -> None:
    command = ("simulate", "--policy", "bell", "--jobs", job, "--processes", 1, "-o", "json")
    first, second = enel(*command, "--seed", 4), enel(*command, "--seed", 4)
    assert first.out == second.out
    assert first.out != enel(*command, "--seed", 5).out
    assert first.json["policies"]["bell"]["jobs"].keys() == {"mine"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--policy", "nothing"), "no policy 'nothing'"),
        (("--policy", "bell", "--jobs", "sort"), "no job 'sort'"),
        (("--policy", "bell", "--mode", "perfect"), "no mode 'perfect'"),
        (("--policy", "bell", "--campaigns", "0"), "campaigns must be at least 1"),
        (("--policy", "bell", "--processes", "0"), "--processes must be at least 1"),
        (("--policy", "bell", "--jobs", "bad.toml"), "must be finite and not negative"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(
    enel: Enel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(JOB.replace("= 40", "= -40"))
    said = enel("simulate", *arguments)
    assert said.error == 2
    assert complaint in said.notes
    assert said.out == ""


def test_a_seed_that_is_no_number_ends_with_2(enel: Enel) -> None:
    said = enel("simulate", "--policy", "bell", "--seed", "many")
    assert said.error == 2
    assert "'many' is no number from 0 to 999999999" in said.notes


def test_an_interrupt_tells_what_is_done(
    enel: Enel, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_enel.cli import simulating  # noqa: PLC0415 - Airflow

    real = simulating.simulate

    def interrupted(experiment: object, processes: int) -> object:
        yield from list(real(experiment, processes))[:3]  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(simulating, "simulate", interrupted)
    said = enel(
        "simulate",
        "--policy",
        "static-maximum",
        "bell",
        "--jobs",
        job,
        "--campaigns",
        2,
        "--processes",
        1,
        "-o",
        "json",
    )
    assert said.error == 130
    assert said.notes.strip() == "interrupted: 1 campaign of 2 done"
    assert said.json["campaigns"] == 1


def test_event_logs_can_be_imported(enel: Enel, job: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    enel("simulate", "--policy", "bell", "--jobs", job, "--processes", 1, "--event-logs", logs)
    said = enel("import-history", logs / "bell", "--dag-id", "simulated", "--dry-run", "-o", "json")
    assert {line["result"] for line in said.json} == {"would import"}
    assert len(said.json) == 65
