"""Units of work of the experiments: each is computed once, in one process, and kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

from pydantic import TypeAdapter

from airflow_enel.simulation.campaign import simulate_series
from airflow_enel.simulation.figures import SeriesFigures
from airflow_enel.simulation.series import SeriesPlan

_SERIES: Final = TypeAdapter(SeriesFigures)

# Measured; only their ratios count, as the remaining time follows the pace.
_EXPECTED_S: Final = {
    "enel": 15.0,
    "enel-risk": 6.0,
    "ellis": 5.3,
    "ellis-published": 5.0,
    "enel-paper": 7.6,
    "oracle": 2.0,
}
_EXPECTED_OTHER_S: Final = 1.2
_EXPECTED_TRAINED_S: Final = 350.0


class Task(Protocol):
    """What can be computed apart from everything else; it is sent to another process."""

    @property
    def expected_s(self) -> float:
        """How long it takes in relation to other tasks; only the remaining time depends on it."""

    def inputs(self) -> Any:
        """What its result depends on besides the code, as JSON."""

    def compute(self) -> Any:
        """Its result, as JSON."""


@dataclass(frozen=True, slots=True)
class SeriesTask:
    """A series of simulated runs."""

    plan: SeriesPlan

    @property
    def expected_s(self) -> float:
        """By its policy."""
        if self.plan.train:
            return _EXPECTED_TRAINED_S
        return _EXPECTED_S.get(self.plan.policy, _EXPECTED_OTHER_S)

    def inputs(self) -> Any:
        """The plan."""
        return {"kind": "series", **asdict(self.plan)}

    def compute(self) -> Any:
        """Simulate it."""
        return _SERIES.dump_python(simulate_series(self.plan), mode="json")


def series_figures(result: Any) -> SeriesFigures:
    """What a `SeriesTask` has computed.

    :raises pydantic.ValidationError: if it is something else
    """
    return _SERIES.validate_python(result)
