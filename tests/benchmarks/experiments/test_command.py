from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from airflow_enel.simulation.job_file import find_job
from airflow_enel.simulation.protocol import Protocol
from benchmarks.experiments import command, plan, tasks
from benchmarks.experiments.cache import ResultCache, code_version
from benchmarks.experiments.documents import with_tables
from benchmarks.experiments.results import compute
from benchmarks.experiments.sections import sections

TINY = plan.ExperimentsPlan(
    policies=("bell", "oracle", "ellis-published"),
    jobs=(find_job("K-Means"), find_job("LR")),
    campaigns=2,
    protocol=Protocol(runs=3, profiling=1, failing=((3, 3),)),
    utilization_runs=1,
    trained_jobs=(),
)
DOCUMENT = "<!-- table summary -->\n<!-- end of table -->\n"


class Resources(HTMLParser):
    """Collects what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tiny experiments have left their files."""
    folder = tmp_path_factory.mktemp("experiments")
    (folder / "README.md").write_text(DOCUMENT)
    command.run(TINY, folder, [folder / "README.md"], 1)
    return folder


def test_the_page_needs_nothing_from_elsewhere(folder: Path) -> None:
    page = (folder / "index.html").read_text("utf-8")
    resources = Resources()
    resources.feed(page)
    assert any(found.startswith("data:image/png;base64,iVBOR") for found in resources.found)
    assert all(found.startswith(("data:", "#")) for found in resources.found)
    assert not any(word in page for word in ("http://", "https://", "url(", "@import", "<script"))


def test_charts_are_written_as_png(folder: Path) -> None:
    pictures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    assert pictures.keys() == {
        "costs.png",
        "utilization.png",
        *(f"runtimes-{mode}.png" for mode in ("elastic", "realistic", "as-published")),
    }
    assert all(content.startswith(b"\x89PNG") for content in pictures.values())


def test_documents_get_their_tables(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "| `bell` |" in text
    assert "| `oracle` |" in text


def test_a_second_run_simulates_nothing_and_writes_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = {path: path.read_bytes() for path in folder.glob("*.*")}

    def simulate(*_: object) -> None:
        raise AssertionError("it was there already")

    monkeypatch.setattr(tasks, "simulate_series", simulate)
    command.run(TINY, folder, [folder / "README.md"], 1)
    assert {path: path.read_bytes() for path in folder.glob("*.*")} == written


def test_interrupted_before_its_end_it_writes_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simulate(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks, "simulate_series", simulate)
    (tmp_path / "README.md").write_text(DOCUMENT)
    with pytest.raises(SystemExit):
        command.run(replace(TINY, modes=("elastic",)), tmp_path, [tmp_path / "README.md"], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == DOCUMENT


def test_every_table_that_a_document_of_the_project_names_is_there(folder: Path) -> None:
    results = compute(TINY, ResultCache(folder / "cache", code_version()), 1)
    tables = {table.name: table for part in sections(results, TINY) for table in part.tables}
    for document in command.DOCUMENTS:
        text = with_tables(document.read_text("utf-8"), tables, document.name)
        assert "| `bell` |" in text or "| bell |" in text


def test_a_trained_series_gets_a_row_and_a_chart_of_its_times(folder: Path) -> None:
    results = compute(TINY, ResultCache(folder / "cache", code_version()), 1)
    trained = tuple(one for one in results.series["realistic"] if one.job == "LR")[:1]
    (times,) = (
        part for part in sections(replace(results, trained=trained), TINY) if part.name == "times"
    )
    assert [picture.name for picture in times.pictures] == ["times"]
    assert times.tables[0].rows[-1][0] == f"{trained[0].policy}, trained on LR"
