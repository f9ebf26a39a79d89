"""Reads job descriptions, the jobs of the paper by name and users' own from TOML; writes TOML."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from airflow_enel.simulation.job import JobDescription

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAPER_JOBS: Final = ("LR", "MPC", "K-Means", "GBT")
"""Names of the jobs of the Enel paper."""

OTHER_JOBS: Final = ("ETL",)
"""Names of further built-in jobs: one of SQL queries whose input changes from run to run."""

_ADAPTER: Final = TypeAdapter(JobDescription)
_MOST_BYTES: Final = 2**20


class UnusableJob(ValueError):
    """A job description that cannot be used; the message says what to do."""


def find_job(name: str) -> JobDescription:
    """A built-in job by its name, in any case, or the job in a TOML file by its path.

    :raises UnusableJob: if there is none, or it cannot be read
    """
    known = {job.casefold(): job for job in (*PAPER_JOBS, *OTHER_JOBS)}
    if name.casefold() in known:
        folder = files("airflow_enel.simulation") / "jobs"
        return read_job((folder / f"{name.casefold()}.toml").read_text("utf-8"), name)
    if not name.endswith(".toml"):
        raise UnusableJob(
            f"no job {name!r}: there are {', '.join(known.values())}; give a job of your own by "
            "the path of its TOML file"
        )
    try:
        path = Path(name)
        if path.stat().st_size > _MOST_BYTES:
            raise UnusableJob(f"{name}: larger than 1 MiB, so it is no job description")
        return read_job(path.read_text("utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise UnusableJob(f"{name}: cannot be read: {error}") from None


def read_job(text: str, where: str) -> JobDescription:
    """The job that a TOML text describes.

    :param where: what messages call the text
    :raises UnusableJob: if it cannot be read; names the first field that is wrong
    """
    try:
        return _ADAPTER.validate_json(json.dumps(tomllib.loads(text), default=str))
    except tomllib.TOMLDecodeError as error:
        raise UnusableJob(f"{where}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        at = f"{field}: " if field else ""
        raise UnusableJob(f"{where}: {at}{first['msg'].removeprefix('Value error, ')}") from None


def write_job(job: JobDescription) -> str:
    """The TOML text from which `read_job` makes the same job; what is as by default is left out."""
    phases = ("\n".join(("[[phases]]", *_lines(phase))) for phase in job.phases)
    return "\n\n".join(("\n".join(_lines(job, "phases")), *phases)) + "\n"


def _lines(value: Any, without: str = "") -> Iterator[str]:
    return (f"{name} = {text}" for name, text in _entries(value) if name != without)


def _entries(value: Any) -> Iterator[tuple[str, str]]:
    """Names and values of the fields of a dataclass that are not as by default."""
    for field in fields(value):
        found = getattr(value, field.name)
        if found is not None and (field.default is MISSING or found != field.default):
            yield field.name, _toml(found)


def _toml(value: Any) -> str:
    if is_dataclass(value):
        return "{ " + ", ".join(f"{name} = {text}" for name, text in _entries(value)) + " }"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # Strings, numbers and booleans of JSON are those of TOML, but for one character and for
    # surrogates, which JSON needs only if it is to be ASCII.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
