"""The ETL of the examples on real Spark: the same results as DuckDB, the same components again."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_enel.domain import Component
from airflow_enel.spark.eventlog import find_logs, read_log
from dags_examples.jobs.tpch_data import connect, make_tables, size_mib
from tests.support.processes.spark import ROOT, use_spark

SCALE = 0.01
ROWS_PER_S = 200_000
LINEITEM_ROWS = 60_175
"""Rows of the largest table, which each query reads, at :data:`SCALE`."""
CONF = {
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.eventLog.enabled": "true",
    # To compile a query takes longer here than to interpret it.
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.ui.enabled": "false",
}


@dataclass(frozen=True)
class EtlRun:
    """Folders of the tables and of the results, and what the event log has of the run."""

    tables: Path
    output: Path
    components: tuple[Component, ...]


@pytest.fixture(scope="module")
def etl(tmp_path_factory: pytest.TempPathFactory) -> EtlRun:
    folder = tmp_path_factory.mktemp("etl")
    tables, output, logs = make_tables(SCALE, folder), folder / "report", folder / "logs"
    logs.mkdir()
    conf = {**CONF, "spark.eventLog.dir": logs.as_uri()}
    with pytest.MonkeyPatch.context() as monkeypatch:
        submit = use_spark(monkeypatch) / "bin" / "spark-submit"
        command = [
            str(submit),
            "--master=local[2]",
            *(f"--conf={name}={value}" for name, value in conf.items()),
            str(ROOT / "dags_examples" / "jobs" / "etl.py"),
            *("--tables", str(tables), "--output", str(output)),
            *("--rows-per-second", str(ROWS_PER_S)),
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    (log,) = find_logs(logs)
    return EtlRun(tables, output, read_log(log).snapshot.finished_components)


@pytest.mark.spark
def test_every_query_has_the_result_that_duckdb_has(etl: EtlRun) -> None:
    numbers = sorted(int(path.name[1:]) for path in etl.output.iterdir())
    assert numbers == [1, 3, 5, 6, 9, 10, 12, 18]
    with connect() as duckdb:
        for table in etl.tables.iterdir():
            duckdb.read_parquet(f"{table}/*.parquet").create_view(table.name)
        for number in numbers:
            written = duckdb.read_parquet(f"{etl.output}/q{number}/*.parquet").fetchall()
            expected = duckdb.execute(f"PRAGMA tpch({number})").fetchall()
            assert expected
            assert len(written) == len(expected), number
            for row, wanted in zip(written, expected, strict=True):
                # Spark rounds the averages of decimals to six digits.
                assert plain(row) == pytest.approx(plain(wanted), abs=1e-6), number


def plain(row: tuple[object, ...]) -> list[object]:
    return [float(value) if isinstance(value, Decimal) else value for value in row]


@pytest.mark.spark
def test_the_components_of_a_query_are_named_after_it(etl: EtlRun) -> None:
    keys = {component.key for component in etl.components}
    queries = [key for key in keys if key.endswith("#0") and key.startswith("sql: q")]
    assert len(queries) == 8
    assert "sql: q6 revenue change #0" in queries


@pytest.mark.spark
def test_paced_tasks_wait_rather_than_compute(etl: EtlRun) -> None:
    (scan,) = (c for c in etl.components if c.key == "sql: q6 revenue change #0")
    (stage,) = scan.stages
    assert stage.metrics.executor_run_s is not None
    assert stage.metrics.executor_cpu_s is not None
    waited_s = stage.metrics.executor_run_s - stage.metrics.executor_cpu_s
    assert waited_s >= LINEITEM_ROWS // (ROWS_PER_S // 10) * 0.1


def test_tables_are_generated_once(tmp_path: Path) -> None:
    tables = make_tables(0.001, tmp_path)
    assert tables == tmp_path / "scale-0.001"
    before = {path: path.stat().st_mtime_ns for path in tables.rglob("*.parquet")}
    assert len(before) == 8
    assert make_tables(0.001, tmp_path) == tables
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_failed_generation_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no space left"):
        make_tables(0.001, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scale", [-1, 0, 1.5, float("nan"), float("inf")])
def test_scale_factors_that_the_generator_would_round_are_refused(
    tmp_path: Path, scale: float
) -> None:
    with pytest.raises(ValueError, match="above 1 whole numbers"):
        make_tables(scale, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_size_of_tables_is_at_least_one_mib(tmp_path: Path) -> None:
    assert size_mib(make_tables(0.001, tmp_path)) == 1


def test_the_dag_reads_the_tables_that_its_first_task_makes() -> None:
    from dags_examples import enel_etl as example  # noqa: PLC0415 - imports Airflow

    etl = example.tables.downstream_list[0]
    folders = set()
    for day in range(4):
        run_after = datetime(2026, 1, 1, tzinfo=timezone.utc) + timedelta(days=day)
        context = {"dag_run": SimpleNamespace(run_after=run_after)}
        command = example.tables.render_template(example.tables.bash_command, context)
        scale, _, folder = command.split(" --scale ")[1].split()
        arguments = etl.render_template(etl.application_args, context)
        assert arguments[1] == f"{folder}/scale-{float(scale):g}"
        folders.add(arguments[1])
    assert len(folders) == 4
