from __future__ import annotations

from pathlib import Path

import pytest

from airflow_enel.simulation.job_file import (
    OTHER_JOBS,
    PAPER_JOBS,
    UnusableJob,
    find_job,
    read_job,
)

MINIMAL = """
name = "mine"
target_s = 60
[[phases]]
name = "all"
fixed_s = 10
"""


@pytest.mark.parametrize(
    ("name", "components"), [("LR", 26), ("MPC", 23), ("K-Means", 18), ("GBT", 35)]
)
def test_the_jobs_of_the_paper_have_its_components(name: str, components: int) -> None:
    job = find_job(name)
    assert (job.name, len(job.components())) == (name, components)


def test_built_in_jobs_are_found_in_any_case() -> None:
    for name in (*PAPER_JOBS, *OTHER_JOBS):
        assert find_job(name.lower()) == find_job(name.upper())


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    assert find_job(str(path)).phases[0].fixed_s == 10.0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("fixed_s = 10", "fixed_s = -10"), "phases.0.*fixed_s must be finite and not negative"),
        (("fixed_s = 10", "fixed_s = inf"), "phases.0"),
        (("fixed_s = 10", ""), "takes no time"),
        (("fixed_s = 10", "fixed_s = '10'"), "phases.0.fixed_s"),
        (("fixed_s = 10", "fixed_s = 10\nfoo = 1"), "phases.0.foo"),
        (("fixed_s = 10", "fixed_s = 10\ncount = 0"), "count must be at least 1"),
        (("fixed_s = 10", "fixed_s = 10\nfactors = [0]"), "factors must be greater than 0"),
        (("target_s = 60", "target_s = 0"), "target_s must be greater than 0"),
        (("target_s = 60", ""), "target_s: Field required"),
        (("target_s = 60", "target_s = 60\ninput_factors = []"), "input_factors"),
        (("target_s = 60", "target_s = 60\nslow_probability = 2"), "slow_probability"),
        (("[[phases]]", "[[phases"), "not TOML"),
        (("fixed_s = 10", "fixed_s = 10\ncount = 20000"), "at most 10000 components"),
        (
            ("fixed_s = 10", "blocks = { seconds = 1, first = 1, probabilities = [] }"),
            "probabilities",
        ),
    ],
)
def test_what_is_wrong_with_a_description_is_said_in_one_line(
    change: tuple[str, str], complaint: str
) -> None:
    with pytest.raises(UnusableJob, match=complaint) as refused:
        read_job(MINIMAL.replace(*change), "mine.toml")
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("mine.toml: ")


def test_an_unknown_job_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnusableJob, match="LR, MPC, K-Means, GBT, ETL"):
        find_job("sort")


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnusableJob, match="cannot be read"):
        find_job("/nowhere/mine.toml")
