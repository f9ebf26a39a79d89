"""The size of the input: what counts, on which storage, and what never harms a job."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast
from uuid import uuid4

import fsspec
import pytest
from fsspec import AbstractFileSystem

from airflow_enel.domain import Bounds, RunContext, RunKey
from airflow_enel.execution.input_size import (
    InputMeasurement,
    read_input_paths,
    with_input_size,
)
from airflow_enel.execution.request import RunRequest
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.spark import agent_conf

LOG = cast("Any", logging.getLogger("input"))
MIB = 2**20


def request(*paths: str, **context: Any) -> RunRequest:
    known = RunContext.of(context)
    key = RunKey("d", "r", "t", -1, 1)
    return RunRequest(
        *(key, "job", "job.py", "static", Bounds(1, 2), None),
        context=known,
        input_paths=paths,
    )


def measured(*paths: str, limit_s: float = 20.0) -> Any:
    return with_input_size(request(*paths), LOG, limit_s).context.get("input_mib")


def size(*paths: object, limit_s: float = 20.0) -> int:
    return InputMeasurement([str(path) for path in paths], limit_s).measure()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder as Spark writes it, of which 1 + 20 + 300 bytes are data."""
    folder = tmp_path / "table"
    files = {
        "part-0.parquet": 1,
        "day=1/part-1.parquet": 20,
        "day=2/part-2.csv": 300,
        "_SUCCESS": 4000,
        ".part-0.parquet.crc": 4000,
        "_temporary/0/part-9.parquet": 4000,
        "day=1/.hidden/part.parquet": 4000,
    }
    for name, length in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * length)
    return folder


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", 321),
        ("/", 321),
        ("/part-0.parquet", 1),
        ("/_SUCCESS", 4000),  # who names it wants it
        ("/*", 321),
        ("/day=*", 320),
        ("/day=?/part-[0-9].parquet", 20),
        ("/**/*.parquet", 21),
        ("/_*=?", None),
    ],
)
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_files_folders_and_patterns_count_as_spark_reads_them(
    table: Path, prefix: str, pattern: str, expected: int | None
) -> None:
    if expected is None:
        with pytest.raises(FileNotFoundError):
            size(f"{prefix}{table}{pattern}")
    else:
        assert size(f"{prefix}{table}{pattern}") == expected


def test_a_partition_column_may_begin_with_an_underscore(tmp_path: Path) -> None:
    (tmp_path / "_day=1").mkdir()
    (tmp_path / "_day=1" / "part").write_bytes(b"12345")
    assert size(tmp_path) == 5


def test_several_paths_add_up_and_no_file_counts_twice(table: Path) -> None:
    paths = (table / "day=1", f"file://{table}/day=*", f"{table}/**")
    assert size(*paths) == 321


def test_the_result_is_in_mib_and_an_empty_folder_is_0(table: Path, tmp_path: Path) -> None:
    (table / "part-0.parquet").write_bytes(b"x" * (3 * MIB // 2))
    assert measured(str(table / "part-0.parquet")) == 1.5
    (tmp_path / "empty").mkdir()
    assert measured(str(tmp_path / "empty")) == 0


def test_a_single_byte_is_more_than_nothing(table: Path) -> None:
    assert measured(str(table / "part-0.parquet")) > 0


def test_storage_that_airflow_does_not_know_is_opened_by_fsspec() -> None:
    folder = f"memory://bucket-{uuid4()}/sales"
    memory = fsspec.filesystem("memory")
    for name, length in (("a", 10), ("b/c", 5), ("_x", 99)):
        memory.pipe(f"{folder}/{name}", b"x" * length)
    assert size(folder) == 15
    assert size(f"{folder}/?") == 15


class Store(AbstractFileSystem):
    """A storage that a test makes do odd things; nothing of it is remembered."""

    protocol = "oddstore"
    cachable = False
    release: ClassVar[threading.Event] = threading.Event()
    listed: ClassVar[int] = 0

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        if "hang" in path:
            self.release.wait(60.0)
        if "forbidden" in path:
            raise PermissionError(f"key hunter2 may not list {path}")
        if "broken" in path:
            raise RuntimeError("hunter2")
        return {"name": self._strip_protocol(path), "size": 0, "type": "directory"}

    def walk(self, path: str, **_: Any) -> Iterator[Any]:
        for number in range(1_000_000):
            type(self).listed += 1
            name = f"{path}/{number}"
            yield path, {}, {name: {"name": name, "size": 1, "type": "file"}}


@pytest.fixture
def store() -> Iterator[type[Store]]:
    fsspec.register_implementation("oddstore", Store, clobber=True)
    Store.release.clear()
    Store.listed = 0
    yield Store
    Store.release.set()


def the_warning(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = [r for r in caplog.records if r.name == "input" and r.levelname == "WARNING"]
    return record.getMessage()


def test_storage_that_hangs_delays_a_job_by_no_more_than_the_limit(
    store: type[Store], caplog: pytest.LogCaptureFixture, table: Path
) -> None:
    begun = time.monotonic()
    assert measured(str(table), "oddstore://hang", limit_s=0.2) is None
    assert time.monotonic() - begun < 10.0
    assert "oddstore://hang: it took longer than 0.2 s" in the_warning(caplog)


def test_a_million_files_are_not_listed_to_the_end(store: type[Store]) -> None:
    ticks = iter(range(10_000_000))
    measurement = InputMeasurement(["oddstore://many"], 1000.0, clock=lambda: float(next(ticks)))
    with pytest.raises(TimeoutError):
        measurement.measure()
    assert 900 < store.listed < 1100


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/no/such/folder", "nothing is there"),
        ("/no/such/*.parquet", "nothing is there"),
        ("oddstore://forbidden/x", "this task may not list it"),
        ("oddstore://broken/x", "RuntimeError"),
        ("nosuchstore://bucket/x", "ValueError"),
        ("hdfs://nowhere@namenode/x", ""),
    ],
)
def test_without_a_result_the_run_goes_on_and_says_why_and_what_to_do(
    store: type[Store], caplog: pytest.LogCaptureFixture, path: str, reason: str
) -> None:
    assert measured(path) is None
    said = the_warning(caplog)
    assert path.replace("nowhere@", "") in said
    assert reason in said
    assert "Correct input_paths" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "path",
    [
        "oddstore://me:hunter2@forbidden/x",
        "s3://AKIA:hunter2@bucket/key",
        "https://host.invalid/x?signature=hunter2",
        "nosuchstore://hunter2@bucket/x",
    ],
)
def test_credentials_of_urls_are_not_logged(
    store: type[Store], caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.INFO)
    assert measured(path) is None
    assert "hunter2" not in caplog.text
    assert "The size of the input is not known" in caplog.text


def test_an_author_who_knows_the_size_goes_before_and_nothing_is_listed(
    table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = request(str(table), "/no/such/folder", input_mib=7)
    assert with_input_size(given, LOG) is given
    without = request()
    assert with_input_size(without, LOG) is without
    assert caplog.records == []


@pytest.mark.parametrize(
    ("value", "paths", "warned"),
    [
        (None, (), False),
        ("a", ("a",), False),
        (["a", "b"], ("a", "b"), False),
        ([], (), False),
        ("", (), True),
        (["a", None, 5], ("a",), True),
        ({"a": 1}, (), True),
    ],
)
def test_what_templates_make_of_paths_is_taken_as_far_as_it_is_paths(
    value: object, paths: tuple[str, ...], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_input_paths(value, LOG) == paths
    assert bool(caplog.records) == warned


def operator(paths: Any) -> EnelSparkOperator:
    return EnelSparkOperator(
        task_id="job", application="s3://b/job.py", policy="static", input_paths=paths
    )


@pytest.mark.parametrize("paths", [5, "", " ", ["a", None], [b"a"], {"a": 1}.items(), ["a", ""]])
def test_literal_nonsense_is_refused_when_the_dag_is_parsed(paths: Any) -> None:
    for refuse in (operator, lambda paths: agent_conf(policy="static", input_paths=paths)):
        with pytest.raises(ValueError, match="input_paths must be a path or a list of paths"):
            refuse(paths)


@pytest.mark.parametrize("paths", [None, [], "{{ x }}", SimpleNamespace(resolve=None)])
def test_templates_and_outputs_of_other_tasks_are_taken(paths: Any) -> None:
    assert operator(paths).input_paths == paths


def test_templates_are_rendered_inside_of_lists_too() -> None:
    task = operator(["s3://b/{{ ds }}", "/data/{{ ds }}/*"])
    task.render_template_fields({"ds": "2026-01-31"})  # type: ignore[arg-type]
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="job", map_index=-1, try_number=1)
    made = task.run_task(cast("Any", {"ti": ti})).request
    assert made.input_paths == ("s3://b/2026-01-31", "/data/2026-01-31/*")
