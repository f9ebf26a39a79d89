"""Texts from outside take time in proportion to their length, whatever is in them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter

from airflow_enel.domain import Snapshot
from airflow_enel.domain.context import read_context
from airflow_enel.predict.enel.features.encoding import encode
from airflow_enel.spark import event_fields
from airflow_enel.spark.components import without_folders
from airflow_enel.spark.properties import mebibytes, size_context
from airflow_enel.spark.reducer import EventReducer
from tests.support.builders import spark_events as e

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = 1_000_000
LONGEST_S = 1.0
"""Twenty times what is aimed at, for busy machines; quadratic time would be hours."""

AWKWARD = {
    "no white space": "a",
    "white space": " \t",
    "slashes": "/",
    "slashed words": " a/",
    "schemes": "a:/",
    "colons": "a:",
    "digits": "1",
    "digits and points": "1.",
    "exponents": "1e",
    "quotes": "'\"",
    "NUL": "\x00",
    "surrogates": "\ud800",
    "wide when normalised": "\ufdfa",
}


@pytest.fixture(params=AWKWARD.values(), ids=AWKWARD)
def awkward(request: pytest.FixtureRequest) -> str:
    """A text of 1 MB that ends unlike it began, so that patterns backtrack if they can."""
    return (str(request.param) * LENGTH)[:LENGTH] + "x"


def seconds_of(action: Callable[[], object]) -> float:
    begun = time.process_time()
    action()
    return time.process_time() - begun


def described(text: str) -> Snapshot:
    """A run whose descriptions, names and reasons are all the same text."""
    info = e.stage_info(0, name=text)
    fold = EventReducer()
    for event in (
        e.application_start(),
        e.executor_added("0", 1.0),
        {
            "Event": "org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart",
            "executionId": 0,
            "description": text,
        },
        e.job_start(0, 1.0, info, spark_sql_execution_id="0", spark_job_description=text),
        e.job_start(1, 1.0, {**info, "Stage ID": 1}, spark_job_description=text),
        e.stage_submitted(info, 1.0),
        e.executor_removed("0", 2.0, text),
    ):
        fold.add(event)
    return fold.snapshot(3.0)


def test_a_run_full_of_awkward_texts_is_read_at_once_and_can_be_stored(awkward: str) -> None:
    assert seconds_of(lambda: described(awkward)) < LONGEST_S
    snapshot = described(awkward)
    assert snapshot.complete
    assert len(snapshot.components) == 2
    stored = TypeAdapter(Snapshot).dump_json(snapshot)
    assert b"\\u0000" not in stored
    assert len(stored) < 20 * event_fields.MAX_TEXT


@pytest.mark.parametrize(
    "read",
    [
        without_folders,
        encode,
        lambda text: event_fields.text({"a": text}, "a"),
        lambda text: read_context([("a", text), (text, "a")]),
        lambda text: size_context(dict.fromkeys(PROPERTIES, text)),
        lambda text: size_context(dict.fromkeys(PROPERTIES, f"1{text}")),
    ],
    ids=["key", "n-grams", "field", "context", "size", "size with a number"],
)
def test_awkward_texts_are_read_at_once(awkward: str, read: Callable[[str], object]) -> None:
    assert seconds_of(lambda: read(awkward)) < LONGEST_S


PROPERTIES = ("spark.executor.cores", "spark.executor.memory", "spark.driver.memory")


def test_an_awkward_size_is_refused_at_once(awkward: str) -> None:
    def read() -> None:
        with suppress(ValueError):
            mebibytes(awkward)

    assert seconds_of(read) < LONGEST_S


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("count at /tmp/a/job.py:12", "count at job.py:12"),
        ("count at file:/tmp/a/job.py:12", "count at job.py:12"),
        ("load hdfs://host:8020/a/b and s3a://c/d", "load b and d"),
        ("x=(foo:a/b, ::c/d", "x=(b, ::d"),
        ("a/:b/c", ":c"),
        ("no folder: here", "no folder: here"),
        ("a/ b", " b"),
    ],
)
def test_folders_and_their_schemes_are_left_out(text: str, kept: str) -> None:
    assert without_folders(text) == kept


def test_what_no_database_can_store_is_replaced() -> None:
    assert event_fields.text({"a": "x\x00y\ud800z"}, "a") == "x\ufffdy\ufffdz"
