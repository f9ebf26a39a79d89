"""The writes of `History` as values, for writers that keep them until the history can be reached.

Each record applies itself to any history, or becomes the requests of the REST API that write the
same: `HttpHistory` sends these at once, a `Spool` keeps them on disk first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from airflow_enel.domain import AgentAddress, Component, Run, RunOutcome, ScaleAnswer, Step
from airflow_enel.history import wire
from airflow_enel.history.interface import History, WriteRequest

_COMPONENTS_PER_REQUEST: Final = 200


@dataclass(frozen=True, slots=True)
class RunOpened:
    """A run is about to be submitted, see `History.open_run`."""

    run: Run
    agent_token: str | None = field(repr=False)

    def apply(self, history: History) -> None:
        """Write it to a history."""
        history.open_run(self.run, self.agent_token)

    def requests(self) -> tuple[WriteRequest]:
        """Return its request."""
        body = wire.encode(wire.OpenedRun, wire.OpenedRun(self.run, self.agent_token))
        return (WriteRequest(wire.run_path(self.run.key.id), body),)


@dataclass(frozen=True, slots=True)
class AgentSaved:
    """The agent of a run listens at an address, see `History.save_agent`."""

    run_id: str
    address: AgentAddress

    def apply(self, history: History) -> None:
        """Write it to a history."""
        history.save_agent(self.run_id, self.address)

    def requests(self) -> tuple[WriteRequest]:
        """Return its request."""
        body = wire.encode(wire.Address, wire.Address.of(self.address))
        return (WriteRequest(wire.run_path(self.run_id, "agent"), body),)


@dataclass(frozen=True, slots=True)
class ComponentsSaved:
    """Components of a run have finished, see `History.save_components`."""

    run_id: str
    components: tuple[Component, ...]

    def apply(self, history: History) -> None:
        """Write it to a history."""
        history.save_components(self.run_id, self.components)

    def requests(self) -> Iterator[WriteRequest]:
        """Return its requests, each of which the server's limit of length allows."""
        path = wire.run_path(self.run_id, "components")
        for start in range(0, len(self.components), _COMPONENTS_PER_REQUEST):
            part = self.components[start : start + _COMPONENTS_PER_REQUEST]
            yield WriteRequest(path, wire.encode(tuple[Component, ...], part))


@dataclass(frozen=True, slots=True)
class DecisionIntended:
    """A decision is about to be acted upon, see `History.intend`."""

    run_id: str
    step: Step

    def apply(self, history: History) -> bool:
        """Write it to a history; False if the run has a decision of this epoch already."""
        return history.intend(self.run_id, self.step)

    def requests(self) -> tuple[WriteRequest]:
        """Return its request."""
        path = wire.run_path(self.run_id, "decisions", self.step.decision.epoch)
        return (WriteRequest(path, wire.encode(wire.BriefStep, wire.brief(self.step))),)


@dataclass(frozen=True, slots=True)
class DecisionCompleted:
    """A decision was answered, or no agent answered, see `History.complete`."""

    run_id: str
    epoch: int
    answer: ScaleAnswer | None

    def apply(self, history: History) -> None:
        """Write it to a history."""
        history.complete(self.run_id, self.epoch, self.answer)

    def requests(self) -> tuple[WriteRequest]:
        """Return its request."""
        path = wire.run_path(self.run_id, "decisions", self.epoch, "answer")
        return (WriteRequest(path, wire.encode(wire.MaybeAnswer, wire.MaybeAnswer(self.answer))),)


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run has ended, or its state is known better, see `History.finish_run`."""

    run_id: str
    outcome: RunOutcome

    def apply(self, history: History) -> None:
        """Write it to a history."""
        history.finish_run(self.run_id, self.outcome)

    def requests(self) -> tuple[WriteRequest]:
        """Return its request."""
        path = wire.run_path(self.run_id, "outcome")
        return (WriteRequest(path, wire.encode(RunOutcome, self.outcome)),)
