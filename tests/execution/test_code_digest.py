"""The digest of the code of a run: what changes it, what does not, and what cannot stop it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_enel.execution import code_digest as module
from airflow_enel.execution.code_digest import CodeReader, code_digest
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.spark.submission.arguments import SubmitArguments

LOG = cast("Any", logging.getLogger("code"))
IMAGE = "spark.kubernetes.container.image"


@pytest.fixture
def code(tmp_path: Path) -> dict[str, str]:
    """Arguments that name three files."""
    names = {"application": "job.py", "py_files": "lib.py", "jars": "udf.jar"}
    for name in names.values():
        (tmp_path / name).write_text(f"first {name}")
    return {argument: str(tmp_path / name) for argument, name in names.items()}


def digest(properties: dict[str, str] | None = None, **given: Any) -> str | None:
    task = EnelSparkOperator(task_id="job", policy="static", **given)
    arguments = SubmitArguments.of(task)
    assert arguments is not None
    return code_digest(arguments, properties or {}, LOG)


@pytest.mark.parametrize("argument", ["application", "py_files", "jars"])
def test_new_content_of_any_file_changes_it(code: dict[str, str], argument: str) -> None:
    before = digest(**code)
    Path(code[argument]).write_text("newer code")
    assert digest(**code) != before
    assert before is not None
    assert len(before) == 16


def test_another_folder_or_time_of_the_same_content_changes_nothing(
    code: dict[str, str], tmp_path: Path
) -> None:
    before = digest(**code)
    (tmp_path / "release-2").mkdir()
    moved = {a: str(Path(f).rename(tmp_path / "release-2" / Path(f).name)) for a, f in code.items()}
    for file in moved.values():
        os.utime(file, (1.0, 1.0))
    assert digest(**moved) == before
    assert digest(**{**moved, "application": "file://" + moved["application"]}) == before


def test_files_elsewhere_count_by_their_urls_and_images_by_their_tags() -> None:
    assert digest(application="s3://b/job-1.py") != digest(application="s3://b/job-2.py")
    assert digest(application="local:///opt/1.jar") != digest(application="local:///opt/2.jar")
    one, two = ({IMAGE: f"etl:{tag}"} for tag in (1, 2))
    assert digest(one, application="local:///j.jar") != digest(two, application="local:///j.jar")
    assert digest({"spark.jars": "s3://b/x.jar"}, application="local:///j.jar") != digest(
        application="local:///j.jar"
    )


def test_passwords_and_signatures_of_urls_are_no_part_of_it() -> None:
    plain = digest(application="https://host/job.py")
    assert digest(application="https://me:hunter2@host/job.py?signature=1") == plain


def test_what_is_a_template_still_counts_nothing(code: dict[str, str]) -> None:
    own = code["jars"]
    ours = {"spark.jars": f"{own}{{{{ macros.enel.jar(first=False) }}}}"}
    given = {"application": code["application"]}
    assert digest(ours, **given) == digest({"spark.jars": own}, **given)


def test_nothing_is_said_of_nothing() -> None:
    assert digest(application="") is None


def test_files_that_cannot_be_read_are_left_out_with_one_warning(
    code: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = f"{code['py_files']},{tmp_path / 'gone.zip'},{tmp_path}"
    assert digest(**{**code, "py_files": gone}) == digest(**code)
    (warning,) = caplog.records
    assert "gone.zip" in warning.getMessage()


def test_wildcards_are_the_files_that_they_match(code: dict[str, str], tmp_path: Path) -> None:
    assert digest(**{**code, "jars": str(tmp_path / "*.jar")}) == digest(**code)


def changes(reader: Callable[[], CodeReader], file: Path) -> tuple[bool, bool]:
    """Whether new content at the same size and time is noticed, and a new size."""
    file.write_text("aaaa")
    os.utime(file, (1.0, 1.0))
    (before,) = reader().read([str(file)])
    file.write_text("bbbb")
    os.utime(file, (1.0, 1.0))
    (same_size,) = reader().read([str(file)])
    file.write_text("bbbbb")
    (larger,) = reader().read([str(file)])
    return same_size != before, larger != before


def test_beyond_the_bound_or_the_time_size_and_time_of_change_count(tmp_path: Path) -> None:
    assert changes(CodeReader, tmp_path / "a.jar") == (True, True)
    assert changes(lambda: CodeReader(most_bytes=3), tmp_path / "b.jar") == (False, True)
    assert changes(lambda: CodeReader(clock=iter([0.0, 9.0]).__next__), tmp_path / "c.jar") == (
        False,
        True,
    )


def test_a_file_that_hangs_is_given_up_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_LIMIT_S", 0.05)
    pipe = tmp_path / "job.py"
    os.mkfifo(pipe)
    monkeypatch.setattr(module, "S_ISREG", lambda _: True)  # as a file of a dead server
    assert digest(application=str(pipe)) is None
    (warning,) = caplog.records
    assert "longer than 0.05 s" in warning.getMessage()
    os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # lets the thread go
