# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""``airflow enel doctor``: each check on its own, and the command."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from airflow_enel import __version__
from airflow_enel.cli.doctor import airflow_checks, examination, spark_checks
from airflow_enel.cli.doctor.checks import Check, Finding, State, failed, finding_of, ok, warning
from airflow_enel.spark.agent import LISTENER_CLASS
from tests.support.cli import Enel

JAVA_17 = 'openjdk version "17.0.15" 2025-04-15'
JAVA_8 = 'java version "1.8.0_372"'


def refuse(*_: object) -> Any:
    raise AssertionError("not to be asked for")


# Running checks


def test_a_check_that_hangs_is_given_up() -> None:
    held = threading.Event()

    def hang() -> Finding:
        held.wait()
        return ok("late")

    found = finding_of(Check("slow", hang), limit_s=0.01)
    held.set()
    assert (found.state, found.told) == (State.FAILED, "no answer within 0.01 s")


def test_of_an_unexpected_error_only_the_kind_is_told() -> None:
    def fail() -> Finding:
        raise RuntimeError("password=hunter2")

    found = finding_of(Check("broken", fail))
    assert (found.state, found.told) == (State.FAILED, "could not be checked (RuntimeError)")


# Packages


def test_packages_in_the_wanted_versions_are_told() -> None:
    found = airflow_checks.packages(["httpx>=0.27", "torch>=2; extra == 'train'"], lambda _: "1.0")
    assert found == ok("airflow-enel 1.0, Airflow 1.0, Spark provider 1.0")


def test_packages_that_are_missing_or_too_old_are_told() -> None:
    def version_of(name: str) -> str:
        if name == "rich":
            raise PackageNotFoundError(name)
        return "0.26"

    found = airflow_checks.packages(["httpx>=0.27", "rich>=13", "scipy"], version_of)
    assert found.state is State.FAILED
    assert found.told == "httpx is 0.26, needs >=0.27; rich is missing"


# Metadata DB


def database(path: Path, revision: str | None) -> sessionmaker[Session]:
    engine = sa.create_engine(f"sqlite:///{path / 'some.db'}")
    if revision is not None:
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE alembic_version_enel (version_num TEXT)"))
            insert = sa.text("INSERT INTO alembic_version_enel VALUES (:it)")
            connection.execute(insert, {"it": revision})
    return sessionmaker(engine)


def away() -> AbstractContextManager[Session]:
    raise sa.exc.OperationalError("secret", {}, OSError("secret"))


@pytest.mark.usefixtures("airflow_db")
def test_a_migrated_database_is_well() -> None:
    assert airflow_checks.database() == ok("sqlite answers")
    assert airflow_checks.migrations().state is State.OK


@pytest.mark.parametrize(
    ("revision", "told", "mend"),
    [
        (None, "there are no enel_ tables", "run airflow db migrate"),
        ("0001", "the enel_ tables are at 0001, not at ", "run airflow db migrate"),
        ("9999", "which this version does not know", "upgrade airflow-enel on this machine"),
    ],
)
def test_other_tables_than_this_version_needs_are_told(
    tmp_path: Path, revision: str | None, told: str, mend: str
) -> None:
    found = airflow_checks.migrations(database(tmp_path, revision))
    assert found.state is State.FAILED
    assert told in found.told
    assert found.mend.startswith(mend)


def test_a_database_that_is_away_is_told_without_its_address() -> None:
    for check in (airflow_checks.database, airflow_checks.migrations):
        found = check(away)
        assert found.state is State.FAILED
        assert "does not answer" in found.told
        assert "secret" not in found.told


# Fernet key


@pytest.mark.parametrize(
    ("key", "state"), [("", State.FAILED), ("no key", State.FAILED), (None, State.OK)]
)
def test_the_fernet_key_is_checked_and_never_told(
    monkeypatch: pytest.MonkeyPatch, key: str | None, state: State
) -> None:
    from airflow.models import crypto

    from tests.support.airflow.settings import settings_of

    key = settings_of(Path())["AIRFLOW__CORE__FERNET_KEY"] if key is None else key
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", key)
    crypto.get_fernet.cache_clear()
    try:
        found = airflow_checks.fernet_key()
    finally:
        crypto.get_fernet.cache_clear()
    assert found.state is state
    assert not key or key not in found.told + found.mend


# API server


def answers(*statuses: int) -> Callable[[str, dict[str, str]], int]:
    left = list(statuses)
    return lambda *_: left.pop(0)


def nothing_answers(*_: object) -> int:
    raise httpx.ConnectError("refused")


def test_a_real_api_server_with_the_plugin_is_well(api: Any) -> None:
    def get(url: str, headers: dict[str, str]) -> int:
        return int(api.get(url, headers=headers).status_code)

    found = airflow_checks.our_routes(get, lambda: "http://testserver")
    assert found == ok("http://testserver has the plugin and refuses strangers")
    assert airflow_checks.execution_api(get, lambda: "http://testserver/execution/") == ok(
        "http://testserver/execution answers"
    )


@pytest.mark.parametrize(
    ("get", "told"),
    [
        (nothing_answers, "nothing answers at http://host:8080 (ConnectError)"),
        (answers(404, 404), "http://host:8080 answers, but does not have the plugin"),
        (answers(200, 200), "answers strangers with 200 and 200, not with 401 and 403"),
        (answers(401, 500), "answers strangers with 401 and 500, not with 401 and 403"),
    ],
)
def test_an_api_server_that_will_not_do_is_told_without_its_password(
    get: Callable[[str, dict[str, str]], int], told: str
) -> None:
    found = airflow_checks.our_routes(get, lambda: "http://user:hunter2@host:8080")
    assert found.state is State.FAILED
    assert told in found.told
    assert "hunter2" not in found.told + found.mend


@pytest.mark.parametrize(
    ("get", "told"),
    [(nothing_answers, "nothing answers at"), (answers(404), "/health answers with 404")],
)
def test_an_execution_api_that_will_not_do_is_told(
    get: Callable[[str, dict[str, str]], int], told: str
) -> None:
    found = airflow_checks.execution_api(get, lambda: "http://host:8080/execution/")
    assert found.state is State.FAILED
    assert told in found.told


# Spark connection


class Hook:
    """A `ProviderHook` of a connection, None for one that does not exist."""

    def __init__(
        self, connection_id: str, kind: str | None = "spark", master: str = "spark://host:7077"
    ) -> None:
        self.connection_id = connection_id
        self.names_default_connection = connection_id == "spark_default"
        self.connection_exists = kind is not None
        self.connection_type, self.master, self.deploy_mode = kind, master, "client"


def no_answer(_: str) -> None:
    raise ConnectionError("no Spark master answers")


def checked(hook: Hook, answers: Callable[[str], None] = lambda _: None) -> Finding:
    made: Any = lambda _: hook  # noqa: E731
    return airflow_checks.connection(hook.connection_id, made, answers)


def test_a_connection_that_can_be_scaled_is_well() -> None:
    assert checked(Hook("mine")) == ok("'mine' is of type spark, master spark://host:7077")


def test_without_the_default_connection_there_is_a_warning_only() -> None:
    assert checked(Hook("spark_default", None), refuse).state is State.WARNING


@pytest.mark.parametrize(
    ("hook", "told"),
    [
        (Hook("mine", None), "there is no Airflow connection 'mine'"),
        (Hook("mine", "http"), "the connection 'mine' is of type 'http'"),
        (Hook("mine", master="yarn"), "the connection 'mine' says master 'yarn'"),
    ],
)
def test_a_connection_that_cannot_be_scaled_is_told(hook: Hook, told: str) -> None:
    found = checked(hook, refuse)
    assert found.state is State.FAILED
    assert told in found.told


def test_a_master_that_does_not_answer_is_told() -> None:
    assert checked(Hook("mine"), no_answer).told == "no Spark master answers"


@pytest.mark.usefixtures("airflow_db")
def test_the_connection_is_looked_up_in_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "spark://local-cluster%5B1%2C1%2C1024%5D")
    assert airflow_checks.connection("mine", answers=lambda _: None).state is State.OK


# Spark, Java, agent


def program(folder: Path, name: str) -> dict[str, str]:
    """An environment whose PATH has only one program."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o755)
    return {"PATH": str(path.parent), "SPARK_HOME": str(folder)}


def installed(folder: Path, version: str) -> dict[str, str]:
    (folder / "jars").mkdir()
    (folder / "jars" / f"spark-core_2.13-{version}.jar").touch()
    return program(folder, "spark-submit")


@pytest.mark.parametrize(
    ("version", "state"),
    [("3.5.1", State.OK), ("4.1.0", State.OK), ("3.4.4", State.FAILED), ("2.4.8", State.FAILED)],
)
def test_spark_must_be_new_enough(tmp_path: Path, version: str, state: State) -> None:
    found = spark_checks.spark_submit(installed(tmp_path, version), refuse)
    assert found.state is state
    assert version in found.told


def test_spark_submit_itself_is_asked_for_a_version_that_cannot_be_seen(tmp_path: Path) -> None:
    env = program(tmp_path, "spark-submit")
    found = spark_checks.spark_submit(env, lambda _: "Welcome to\n  version 3.5.6\n")
    assert found.told.startswith("Spark 3.5.6 at ")
    assert spark_checks.spark_submit(env, lambda _: "?").state is State.WARNING


def test_spark3_submit_will_do_and_is_asked_for_its_own_version(tmp_path: Path) -> None:
    program(tmp_path, "spark3-submit")
    found = spark_checks.spark_submit(installed(tmp_path, "2.4.8"), lambda _: "version 3.5.6")
    where = tmp_path / "bin" / "spark3-submit"
    assert found == ok(
        f"Spark 3.5.6 at {where}, for Spark connections with spark-binary spark3-submit in their "
        "extra"
    )


def test_of_several_old_programs_the_usual_one_is_told(tmp_path: Path) -> None:
    program(tmp_path, "spark2-submit")
    found = spark_checks.spark_submit(installed(tmp_path, "2.4.8"), lambda _: "version 2.4.7")
    assert found.state is State.FAILED
    assert found.told == f"{tmp_path / 'bin' / 'spark-submit'} is Spark 2.4.8"


def test_programs_that_are_missing_are_told(tmp_path: Path) -> None:
    for check in (spark_checks.spark_submit, spark_checks.java):
        found = check({"PATH": str(tmp_path)}, refuse)
        assert found.state is State.FAILED
        assert "the workers" in found.mend


def test_java_is_looked_for_in_java_home_first(tmp_path: Path) -> None:
    env = program(tmp_path, "java") | {"JAVA_HOME": str(tmp_path / "nowhere")}
    found = spark_checks.java(env, refuse)
    assert found.told == f"there is none in JAVA_HOME ({tmp_path / 'nowhere'})"


@pytest.mark.parametrize(
    ("spark", "told", "state"),
    [
        ("4.0.1", JAVA_17, State.OK),
        ("3.5.1", JAVA_17, State.OK),
        ("3.5.1", JAVA_8, State.OK),
        ("4.0.1", JAVA_8, State.FAILED),
        ("4.0.1", "?", State.WARNING),
    ],
)
def test_java_must_be_new_enough_for_spark(
    tmp_path: Path, spark: str, told: str, state: State
) -> None:
    env = installed(tmp_path, spark) | program(tmp_path, "java")
    assert spark_checks.java(env, lambda _: told).state is state


def jar(path: Path, version: str, entry: str = LISTENER_CLASS.replace(".", "/") + ".class") -> Path:
    with ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Implementation-Version: {version}\r\n")
        archive.writestr(entry, "")
    return path


def test_the_agent_must_be_whole_and_of_this_version(tmp_path: Path) -> None:
    def missing() -> Path:
        raise FileNotFoundError

    path = tmp_path / "agent.jar"
    assert spark_checks.agent(missing).told == "was not built"
    assert spark_checks.agent(lambda: jar(path, __version__)).state is State.OK
    assert "is of version 0.0.1" in spark_checks.agent(lambda: jar(path, "0.0.1")).told
    assert "is damaged" in spark_checks.agent(lambda: jar(path, __version__, "other")).told
    path.write_text("no jar")
    assert "is damaged" in spark_checks.agent(lambda: path).told


# Work folder


def test_a_work_folder_of_ones_own_is_well(tmp_path: Path) -> None:
    folder = tmp_path / "enel"
    assert spark_checks.work_folder(folder).told.endswith("will be made, for its owner only")
    assert not folder.exists()
    folder.mkdir(mode=0o700)
    assert spark_checks.work_folder(folder).state is State.OK


def test_a_work_folder_that_others_can_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "enel"
    folder.mkdir()
    folder.chmod(0o755)
    found = spark_checks.work_folder(folder)
    assert (found.state, found.mend) == (State.WARNING, f"chmod 700 {folder}")


def test_a_work_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    assert spark_checks.work_folder(tmp_path / "file").state is State.FAILED
    assert "somebody else" in spark_checks.work_folder(tmp_path / "link").told


# Decommissioning


def test_what_is_submitted_decommissions() -> None:
    assert spark_checks.decommissioning(defaults={}).state is State.OK
    found = spark_checks.decommissioning(submitted={"spark.decommission.enabled": "true"})
    assert found.told == "not submitted: spark.storage.decommission.enabled"


def test_a_timeout_that_kills_tasks_is_warned_of() -> None:
    name = "spark.executor.decommission.forceKillTimeout"
    found = spark_checks.decommissioning(defaults={name: "10s"})
    assert found.state is State.WARNING
    assert name in found.told


# The command


CHECKS = (
    Check("good", lambda: ok("fine")),
    Check("odd", lambda: warning("[b]not so good[/]", "look at it")),
    Check("bad", lambda: failed("broken " * 20, "mend " * 20)),
)


@pytest.mark.parametrize(("checks", "error"), [(CHECKS, 1), (CHECKS[:2], 0)])
def test_only_a_failure_is_one_of_the_command(
    enel: Enel, monkeypatch: pytest.MonkeyPatch, checks: tuple[Check, ...], error: int
) -> None:
    monkeypatch.setattr(examination, "checks_of", lambda _: checks)
    said = enel("doctor", "-o", "json")
    assert said.error == error
    assert [line["state"] for line in said.json] == ["ok", "warning", "failed"][: len(checks)]
    assert said.json[1] == {
        "check": "odd",
        "state": "warning",
        "told": "[b]not so good[/]",
        "mend": "look at it",
    }


def test_the_text_fits_80_columns(enel: Enel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(examination, "checks_of", lambda _: CHECKS)
    said = enel("doctor")
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[:3] == [
        "ok       good             fine",
        "warning  odd              [b]not so good[/]",
        " " * 26 + "→ look at it",
    ]
    assert lines[-1] == "1 ok, 1 warning, 1 failed"


def test_the_connection_to_check_is_an_option(enel: Enel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def checks_of(conn_id: str) -> tuple[Check, ...]:
        asked.append(conn_id)
        return ()

    monkeypatch.setattr(examination, "checks_of", checks_of)
    enel("doctor", "--conn-id", "mine")
    enel("doctor")
    assert asked == ["mine", "spark_default"]


def test_names_of_checks_fit_before_what_they_tell() -> None:
    checks = examination.checks_of("spark_default")
    assert max(len(f"failed   {check.name} ") for check in checks) <= 26
    assert len({check.name for check in checks}) == len(checks) == 12
