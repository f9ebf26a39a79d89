"""Parts of the agent without Spark: one JVM runs java/…/AgentUnits and prints what it saw."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from airflow_enel.spark.agent.build import compile_java
from tests.support.processes.spark import QUICK_JVM

SOURCES = Path(__file__).parent / "java"


@pytest.fixture(scope="module")
def seen(
    jar: Path, spark_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    classes = tmp_path_factory.mktemp("units")
    classpath = f"{jar}:{spark_home / 'jars' / '*'}"
    compile_java(SOURCES.rglob("*.java"), classes, classpath=classpath)
    command = [
        *("java", *QUICK_JVM, "-classpath", f"{classes}:{classpath}"),
        *("io.github.airflow_enel.AgentUnits", str(tmp_path_factory.mktemp("units-files"))),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {line.pop("case"): line for line in lines}


def test_digest_is_exact_up_to_4096_tasks(seen: dict[str, dict[str, Any]]) -> None:
    durations = range(4096)
    assert seen["exact"] == {
        "Event": "EnelTaskDigest",
        "Stage ID": 7,
        "Stage Attempt ID": 1,
        "Count": 4096,
        "Total Time": sum(durations),
        "Median Time": int(median(durations)),
        "Max Time": 4095,
    }


def test_digest_of_more_tasks_samples_the_median_only(seen: dict[str, dict[str, Any]]) -> None:
    digest = seen["sampled"]
    assert (digest["Count"], digest["Total Time"]) == (50_000, sum(range(50_000)))
    assert digest["Max Time"] == 49_999
    assert digest["Median Time"] == pytest.approx(25_000, rel=0.05)
    assert seen["sampled again"] == digest


@pytest.mark.parametrize(
    ("case", "first", "last", "start", "events", "more"),
    [
        ("oldest fell out", 151, 250, 151, 100, False),
        ("few at once", 151, 250, 201, 7, True),
        ("few bytes at once", 151, 250, 201, 3, True),
        ("one at least", 151, 250, 201, 1, True),
        ("at the end", 151, 250, 251, 0, False),
        ("behind the end", 151, 250, 251, 0, False),
        ("larger than the ring", 252, 251, 252, 0, False),
    ],
)
def test_ring_pages(
    seen: dict[str, dict[str, Any]],
    case: str,
    first: int,
    last: int,
    start: int,
    events: int,
    more: bool,
) -> None:
    page = seen[case]
    assert (page["first"], page["last"], page["from"]) == (first, last, start)
    assert (page["events"], page["more"]) == (events, more)
    assert page["dropped"] == first - 1
    assert page["held"] == 10 * (last - first + 1)


def test_secrets_are_cut_out(seen: dict[str, dict[str, Any]]) -> None:
    assert "hunter2" not in json.dumps(seen)
    assert seen["SparkListenerStageSubmitted"] == {
        "Event": "SparkListenerStageSubmitted",
        "Stage Info": {
            "Stage ID": 1,
            "RDD Info": [{"RDD ID": 1, "Name": "r"}],
            "Accumulables": [{"Name": "internal.metrics.x"}],
        },
        "Properties": {"spark.jobGroup.id": "g"},
    }
    assert seen["SparkListenerJobStart"]["Stage Infos"] == [{}]
    assert seen["SparkListenerEnvironmentUpdate"] == {
        "Event": "SparkListenerEnvironmentUpdate",
        "Spark Properties": {"spark.app.name": "n"},
    }


def test_even_a_refused_try_silences_older_ones(seen: dict[str, dict[str, Any]]) -> None:
    ledger = seen["ledger"]
    assert ledger["first"] == ledger["next epoch"] == "null"
    decided = "epoch 5 was decided already: 4 executors"
    assert {ledger[k] for k in ("lower epoch", "other executors", "refused newer try")} == {decided}
    assert ledger["try between"] == "try 3 is in charge, not try 2"


def test_a_second_application_runs_under_the_id_of_the_first(
    seen: dict[str, dict[str, Any]],
) -> None:
    expected = {"ended between": True, "ended": False, "id": "first"}
    assert seen["second application"] == expected


def test_what_spark_posts_after_the_end_is_in_the_file_of_the_final_state(
    seen: dict[str, dict[str, Any]],
) -> None:
    assert seen["late events"] == {
        "end": 1,
        "left before": 2,
        "job ended by the stop": 3,
        "left afterwards": 3,
        "troubles": 0,
    }
