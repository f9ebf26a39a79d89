"""The jar: the same everywhere, small, and true to the real Spark."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

import airflow_enel
from airflow_enel.spark import agent
from airflow_enel.spark.agent import build


@pytest.fixture
def missing_jar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "JAR_NAME", "no-such.jar")


def test_same_sources_give_the_same_jar(jar: Path, tmp_path: Path) -> None:
    again = build.build_agent(tmp_path / "again.jar")
    assert again.read_bytes() == jar.read_bytes()


def test_jar_is_small_and_holds_nothing_but_the_agent(jar: Path) -> None:
    names = ZipFile(jar).namelist()
    assert jar.stat().st_size < 50_000  # Spark copies it to every executor
    assert f"{agent.LISTENER_CLASS.replace('.', '/')}.class" in names
    assert {name for name in names if not name.startswith("io/github/airflow_enel/")} == {
        "META-INF/MANIFEST.MF"
    }


def test_jar_carries_the_version_of_the_package(jar: Path) -> None:
    manifest = ZipFile(jar).read("META-INF/MANIFEST.MF").decode()
    assert f"Implementation-Version: {airflow_enel.__version__}\r\n" in manifest


def test_classes_run_on_java_8(jar: Path) -> None:
    archive = ZipFile(jar)
    majors = {archive.read(n)[7] for n in archive.namelist() if n.endswith(".class")}
    assert majors == {52}


def test_stubs_give_the_same_bytecode_as_the_real_jars(
    jar: Path, spark_home: Path, tmp_path: Path
) -> None:
    build.compile_agent(tmp_path, classpath=str(spark_home / "jars" / "*"))
    archive = ZipFile(jar)
    real = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*.class")}
    stubbed = {n: archive.read(n) for n in archive.namelist() if n.endswith(".class")}
    assert real.keys() == stubbed.keys()
    assert [name for name in real if real[name] != stubbed[name]] == []


def test_jar_is_stale_once_a_source_is_newer(tmp_path: Path) -> None:
    jar = tmp_path / "enel-agent.jar"
    assert build.is_stale(jar)
    jar.touch()
    assert not build.is_stale(jar)


def test_missing_compiler_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(build.BuildError, match="install a JDK"):
        build.build_agent(tmp_path / "enel-agent.jar")


@pytest.mark.usefixtures("missing_jar")
def test_missing_jar_says_what_to_run() -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m airflow_enel\.spark\.agent\.build"):
        agent.agent_jar()
