# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""The commands of ``airflow enel``, called through Airflow's own parser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import Enel, Said


@pytest.fixture
def enel(airflow_db: None, capsys: pytest.CaptureFixture[str]) -> Enel:
    from airflow.cli import cli_parser

    def run(*arguments: str | Path) -> Said:
        error: str | int = 0
        capsys.readouterr()
        try:
            args = cli_parser.get_parser().parse_args(["enel", *map(str, arguments)])
            args.func(args)
        except SystemExit as exit_:
            error = exit_.code or 0
        printed = capsys.readouterr()
        return Said(printed.out, error, printed.err)

    return run
