"""Drivers that outlived the try that started them.

The folder of a driver is made before its start and removed when a task has delivered its result.
So a folder of an earlier try is a run whose result nobody has delivered: its driver runs, or has
ended while nobody looked, or was never started. A second application is started only when the
first is certain to be gone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter, ValidationError

from airflow_enel.domain import Run, RunKey
from airflow_enel.domain.wire import STRICT
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder, DriverLost


@dataclass(frozen=True, slots=True)
class Submission:
    """What a later try must know to follow a driver."""

    __pydantic_config__: ClassVar = STRICT

    run: Run
    token: str


_WIRE = TypeAdapter(Submission)


def note(folder: DriverFolder, submission: Submission) -> None:
    """Leave word for later tries, readable by their user only."""
    descriptor = os.open(folder.run, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_WIRE.dump_json(submission))


def undelivered(key: RunKey, base: Path | None) -> tuple[Submission, ClientDriver] | None:
    """The latest driver of an earlier try that runs, or has succeeded, with nobody to tell.

    What has failed, was killed, or never started is cleared away on the way.

    :param key: of the present try
    :param base: see :meth:`DriverFolder.of`
    """
    for submit_try in range(key.submit_try - 1, 0, -1):
        driver = ClientDriver(DriverFolder.of(replace(key, submit_try=submit_try).id, base))
        if not driver.folder.exists:
            continue
        submission = _submission(driver.folder)
        if submission is not None and _counts(driver):
            return submission, driver
        driver.bury()
    return None


def _submission(folder: DriverFolder) -> Submission | None:
    try:
        return _WIRE.validate_json(folder.run.read_bytes())
    except (OSError, ValidationError):
        return None


def _counts(driver: ClientDriver) -> bool:
    if driver.folder.killed.exists():
        return False
    try:
        return driver.exit_code() in (None, 0)
    except DriverLost:
        return False
