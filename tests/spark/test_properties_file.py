"""Properties files, as java.util.Properties and Spark read them."""

from __future__ import annotations

import json
import random
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.spark.agent.build import compile_java
from airflow_enel.spark.submission.properties_file import parse_properties, read_properties
from tests.support.processes.spark import SPARK_HOME

SOURCE = Path(__file__).parent / "java" / "ReadProperties.java"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("spark.x value", "value"),
        ("spark.x=value", "value"),
        ("spark.x : value", "value"),
        ("  spark.x\t=\tvalue \t", "value"),
        ("spark.x==value", "=value"),
        ("spark.x", ""),
        ("spark.x one\\\n   two", "onetwo"),
        ("spark.x one\\\\\nspark.y two", "one\\"),
        ("spark.x a\r\nspark.y b", "a"),
        ("spark.x a\u2028b\x85c\x0bd", "a\u2028b\x85c\x0bd"),
        ("spark.x \\u00e9\\t\\q", "é\tq"),
        ("spark.x \\ud83d\\ude00", "😀"),
        ("spark.x \\n a \\t", "\n a"),
        ("spark.x a # no comment", "a # no comment"),
        ("spark\\.x a", "a"),
        ("! c\n# spark.x no\n\nspark.x yes", "yes"),
        ("# no continuation \\\nspark.x yes", "yes"),
        ("spark.x one\nspark.x two", "two"),
        ("spark.x one\\", "one"),
    ],
)
def test_a_value_is_what_java_reads(text: str, value: str) -> None:
    assert parse_properties(text)["spark.x"] == value


def test_other_names_than_those_of_spark_are_ignored() -> None:
    assert parse_properties("spark 1\nmy.spark.x 2\nsparkling.x 3\nspark.\\:x 4") == {
        "spark.:x": "4"
    }


def test_bytes_that_are_no_utf8_are_replaced(tmp_path: Path) -> None:
    file = tmp_path / "job.conf"
    file.write_bytes("# für die Nacht\nspark.x  hällo\n".encode("latin-1"))
    assert read_properties(file) == {"spark.x": "h\ufffdllo"}


def escaped(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


TRIMMED = "".join(map(chr, range(33)))
PLAIN = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(PLAIN, PLAIN.filter(lambda value: value == value.strip(TRIMMED))))
def test_whatever_is_escaped_is_read_as_it_was(properties: dict[str, str]) -> None:
    named = {f"spark.{name}": value for name, value in properties.items()}
    text = "".join(f"{escaped(name)}={escaped(value)}\n" for name, value in named.items())
    assert parse_properties(text) == named


@given(st.text(alphabet="spark.x=: \t\f\r\n\\u00e9#!"))
def test_no_text_is_refused_but_for_an_incomplete_escape(text: str) -> None:
    with suppress(ValueError):
        parse_properties(text)
        return
    assert "\\u" in text


@pytest.mark.spark
def test_random_files_are_read_as_spark_itself_reads_them(tmp_path: Path) -> None:
    if not (SPARK_HOME / "jars").is_dir():
        pytest.skip("there is no .spark folder: run `make install`")
    chance = random.Random(5)  # noqa: S311 - the same files each time
    pieces = ["spark.b", "=", ":", "\\", "\\\\", "\\:", "\\u00e9", "\\ud83d\\ude00", "\\u1", "é"]
    pieces += ["#", "!", "x", "\x00", "\x0b"]
    pieces += [" ", "\t", "\f", "\n", "\r\n", "\r", "\u2028", "\x85", "\\\n", "\\n", "\\r"]
    files = [tmp_path / f"{number}.conf" for number in range(400)]
    for file in files:
        text = "".join(chance.choices(["spark.a", "\n", *pieces], k=chance.randint(1, 30)))
        file.write_bytes(text.encode(chance.choice(["utf-8", "latin-1"]), "ignore"))
    classpath = f"{tmp_path}:{SPARK_HOME / 'jars' / '*'}"
    compile_java([SOURCE], tmp_path, classpath=classpath)
    command = ["java", "-classpath", classpath, "ReadProperties", *map(str, files)]
    run = subprocess.run(command, capture_output=True, check=True, timeout=60)
    expected = [json.loads(line) for line in run.stdout.splitlines()]

    assert [_read(file) for file in files] == expected
    assert sum(expected_one is None for expected_one in expected) < len(files) / 2


def _read(file: Path) -> dict[str, str] | None:
    try:
        return read_properties(file)
    except ValueError:
        return None
