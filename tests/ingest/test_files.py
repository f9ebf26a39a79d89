"""Which files are found at the paths that a user names, and what is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.ingest.files import LeftOut, find_files

if TYPE_CHECKING:
    from pathlib import Path


def test_each_file_is_found_once_in_the_order_of_the_paths(tmp_path: Path) -> None:
    for name in ("b", "a", ".a.crc"):
        (tmp_path / name).touch()
    a, b = tmp_path / "a", tmp_path / "b"
    assert find_files([b, tmp_path]) == ((b, a), ())


def test_paths_without_files_are_left_out_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a").touch()
    missing, empty = tmp_path / "none", tmp_path / "empty"
    files, left_out = find_files([missing, empty, tmp_path / "a"])
    assert files == (tmp_path / "a",)
    assert left_out == (
        LeftOut(missing, "no such file or folder"),
        LeftOut(empty, "no event logs or trace files in this folder"),
    )
