"""The Spark configuration of a run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from airflow_enel.domain import Bounds
from airflow_enel.spark.agent import LISTENER_CLASS
from airflow_enel.spark.submission.conf import (
    agent_properties,
    merge_conf,
    sizing_conf,
    spark_defaults,
)

JAR = Path("/opt/enel-agent.jar")


def test_the_start_is_exact_and_dynamic_allocation_never_acts_by_itself() -> None:
    conf = sizing_conf(Bounds(2, 9), initial=4)
    assert conf["spark.dynamicAllocation.initialExecutors"] == "4"
    assert conf["spark.dynamicAllocation.minExecutors"] == "4"
    assert conf["spark.dynamicAllocation.maxExecutors"] == "9"
    assert conf["spark.enel.minExecutors"] == "2"
    assert conf["spark.decommission.enabled"] == "true"


def test_only_the_hash_of_the_token_is_in_the_configuration() -> None:
    conf = agent_properties("the secret", Path("/p"), Path("/f"))
    assert "the secret" not in str(conf)
    assert conf["spark.enel.agent.tokenSha256"] == hashlib.sha256(b"the secret").hexdigest()


def test_the_listener_and_its_jar_come_after_those_of_the_user() -> None:
    user = {"spark.extraListeners": "com.example.Mine", "spark.app.tag": "x"}
    conf, jars = merge_conf(user, {"spark.enel.a": "1"}, JAR, "lib.jar", {})
    assert conf["spark.extraListeners"] == f"com.example.Mine,{LISTENER_CLASS}"
    assert conf["spark.app.tag"] == "x"
    assert jars == f"lib.jar,{JAR}"


def test_jars_in_the_configuration_are_kept_because_the_option_would_hide_them() -> None:
    conf, jars = merge_conf({"spark.jars": "mine.jar"}, {}, JAR, None, {})
    assert "spark.jars" not in conf
    assert jars == f"mine.jar,{JAR}"


def test_listeners_and_jars_of_the_defaults_are_kept_because_options_would_hide_them() -> None:
    defaults = {"spark.extraListeners": "com.example.Lineage", "spark.jars": "lineage.jar"}
    conf, jars = merge_conf({}, {}, JAR, None, defaults)
    assert conf["spark.extraListeners"] == f"com.example.Lineage,{LISTENER_CLASS}"
    assert jars == f"lineage.jar,{JAR}"


def test_merging_twice_adds_the_listener_once() -> None:
    conf, jars = merge_conf({}, {}, JAR, None, {})
    again, jars_again = merge_conf(conf, {}, JAR, jars, {})
    assert (again, jars_again) == (conf, jars)


def test_defaults_are_read_as_spark_reads_them(tmp_path: Path) -> None:
    (tmp_path / "spark-defaults.conf").write_text(
        "# spark.jars no.jar\n\nspark.jars   a.jar,b.jar  \n  spark.master=local\nspark.x : y z\n"
    )
    assert spark_defaults(None, {"SPARK_CONF_DIR": str(tmp_path)}) == {
        "spark.jars": "a.jar,b.jar",
        "spark.master": "local",
        "spark.x": "y z",
    }
    assert spark_defaults(str(tmp_path / "nothing"), {}) == {}


def test_a_properties_file_that_cannot_be_read_is_left_to_spark_submit(tmp_path: Path) -> None:
    malformed = tmp_path / "malformed.conf"
    malformed.write_text("spark.jars a.jar\nspark.x \\u12")
    assert spark_defaults(str(malformed), {}) == {}
    assert spark_defaults(str(tmp_path), {}) == {}


def test_a_file_in_latin_1_is_read(tmp_path: Path) -> None:
    file = tmp_path / "job.conf"
    file.write_bytes(b"# f\xfcr die Nacht\nspark.extraListeners com.example.Mine\n")
    assert spark_defaults(str(file), {}) == {"spark.extraListeners": "com.example.Mine"}


def test_executor_instances_of_the_user_cannot_defeat_the_size() -> None:
    size = sizing_conf(Bounds(1, 8), 3)
    conf, _ = merge_conf({"spark.executor.instances": "20"}, size, JAR, None, {})
    assert conf["spark.executor.instances"] == "3"
