from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.experiments.cache import PACKAGE, SOURCES, ResultCache, code_version, write_whole


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one source file that results depend on, and one that they do not."""
    for name in ("simulation/job.py", "cli/simulating.py"):
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True)
        path.write_text("x = 1")
    return tmp_path / "package"


def test_a_result_is_found_by_equal_inputs_only(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, "a1")
    cache.put({"policy": "bell", "seed": 1}, [1, 2])
    assert cache.get({"seed": 1, "policy": "bell"}) == [1, 2]
    assert cache.get({"policy": "bell", "seed": 2}) is None
    assert ResultCache(tmp_path, "b2").get({"policy": "bell", "seed": 1}) is None


def test_a_result_that_cannot_be_read_is_missing(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, "a1")
    cache.put("inputs", [1])
    (path,) = (tmp_path / "a1").iterdir()
    path.write_text('{"result": [1')
    assert cache.get("inputs") is None


def test_the_version_changes_with_the_code_that_results_depend_on(package: Path) -> None:
    before = code_version(package)
    (package / "cli/simulating.py").write_text("x = 2")
    assert code_version(package) == before
    (package / "simulation/job.py").write_text("x = 2")
    assert code_version(package) != before


def test_a_renamed_file_changes_the_version(package: Path) -> None:
    before = code_version(package)
    (package / "simulation/job.py").rename(package / "simulation/jobs.py")
    assert code_version(package) != before


@pytest.mark.processes
def test_the_version_covers_all_that_a_simulated_run_imports() -> None:
    program = (
        "import sys, airflow_enel.simulation.campaign, airflow_enel.predict.enel.training.trainer\n"
        "from airflow_enel.control.policies.registry import BUILT_IN, find_policy\n"
        "list(map(find_policy, BUILT_IN))\n"
        "for name, module in sys.modules.items():\n"
        "    if name.startswith('airflow_enel'): print(module.__file__)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {Path(line) for line in result.stdout.splitlines()}
    covered = {path for pattern in SOURCES for path in PACKAGE.glob(pattern)}
    # Packages that only hold others.
    empty = {PACKAGE / "history" / "__init__.py"}
    assert loaded - covered <= empty
    assert PACKAGE / "simulation" / "series.py" in loaded


def test_a_file_that_cannot_be_finished_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(self: Path, content: bytes) -> None:
        self.touch()
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        write_whole(path, b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text() == "old"
