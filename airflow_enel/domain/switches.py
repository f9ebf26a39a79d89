"""Switches by which people hold back the scaling of a recurring job while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from airflow_enel.domain.wire import STRICT


@dataclass(frozen=True, slots=True)
class Switches:
    """What is held back from the next decision of a running application on.

    :param pause_in: release no executors
    :param pause_out: ask for no more executors
    :param dry_run: decide and record, but change nothing
    """

    __pydantic_config__: ClassVar = STRICT

    pause_in: bool = False
    pause_out: bool = False
    dry_run: bool = False

    def __bool__(self) -> bool:
        return self.pause_in or self.pause_out or self.dry_run


NO_SWITCHES: Final = Switches()
