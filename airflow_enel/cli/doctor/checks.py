"""Runs checks, each for a limited time, so that one that hangs or fails stops no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

TIME_LIMIT_S: Final = 5.0


class State(str, Enum):
    """What came of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found; it never holds a secret.

    :param told: what is the case
    :param mend: what to do about it, empty if nothing
    """

    state: State
    told: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its name."""

    name: str
    run: Callable[[], Finding]


def ok(told: str) -> Finding:
    """All is well."""
    return Finding(State.OK, told)


def warning(told: str, mend: str) -> Finding:
    """It works, but not as well as it could, or not everywhere."""
    return Finding(State.WARNING, told, mend)


def failed(told: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(State.FAILED, told, mend)


def finding_of(check: Check, limit_s: float = TIME_LIMIT_S) -> Finding:
    """Run a check for a limited time.

    Of an error that the check does not expect only the kind is told: its text may hold a secret.
    One that takes too long goes on in its thread, which does not keep the process alive.
    """
    found: list[Finding] = []

    def run() -> None:
        try:
            found.append(check.run())
        except Exception as error:  # whatever it is, the other checks must run
            told = f"could not be checked ({type(error).__name__})"
            found.append(failed(told, "see the logs of Airflow for more"))

    thread = threading.Thread(target=run, name=check.name, daemon=True)
    thread.start()
    thread.join(limit_s)
    if found:
        return found[0]
    told = f"no answer within {limit_s:g} s"
    return failed(told, "try again; if it stays, look at what this check asks")
