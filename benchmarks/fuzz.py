"""Bad payloads of agents and bad bodies of requests, by the hundred thousand, always the same."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import httpx

from airflow_enel.control.decide import Steering, decide
from airflow_enel.domain import Bounds, Forecast, Progress, Proposal, Step
from airflow_enel.spark.client import AgentAddress, AgentClient, AgentError
from airflow_enel.spark.live import LiveApplication
from benchmarks import bodies, payloads, server, stream
from benchmarks.figures import Figure

PAYLOADS: Final = 80_000
BODIES: Final = 20_000
SEED: Final = 3


def measure() -> Iterable[Figure]:
    """Count crashes, rescales on bad data, and refusals that do not name the field."""
    yield from _figures("agent payloads", agent_fuzz(PAYLOADS, SEED))
    for _, environment in server.databases():
        counts = server.run_in(environment, "benchmarks.bodies", str(BODIES), str(SEED))
        yield from _figures("API bodies", counts)
        break


def _figures(what: str, counts: dict[str, float]) -> Iterable[Figure]:
    for name, count in counts.items():
        aim = "= 0" if name in (*FAULTS, *bodies.FAULTS) else ""
        yield Figure.of(f"{what}, {name}", "s" if name == "time" else "count", [count], aim)


FAULTS: Final = ("crashes", "rescales on bad data", "harmless ones read otherwise")


def agent_fuzz(count: int, seed: int) -> dict[str, float]:
    """Read all curated cases and as many generated ones; return what came of them."""
    start = time.perf_counter()
    expected = verdict(payloads.Case("healthy", (stream.written(stream.page(stream.healthy())),)))
    counts: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    curated = list(payloads.curated())
    for case in chain(curated, payloads.generated(seed, count)):
        counts[fault(case, expected) or "without a fault"] += 1
    return {
        "curated": len(curated),
        "generated": count,
        **counts,
        "time": time.perf_counter() - start,
    }


def fault(case: payloads.Case, expected: Step | None) -> str | None:
    """What is wrong with how a case was read, None if nothing is.

    :param expected: the step after a healthy reading
    """
    try:
        step = verdict(case)
    except Exception:
        return "crashes"
    if case.noise:
        return None
    if case.harmless:
        return None if step == expected else "harmless ones read otherwise"
    return "rescales on bad data" if _rescales(step) else None


def verdict(case: payloads.Case) -> Step | None:
    """The decision after the last answer; None if there is none, or no reading."""
    left = list(case.bodies)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=left.pop(0)))
    client = AgentClient(AgentAddress("127.0.0.1", 1), "secret", transport)
    application = LiveApplication()
    step: Step | None = None
    while left:
        step = None
        try:
            snapshot = application.read(client)
        except AgentError:
            continue
        except IndexError:
            break  # it asked for more than there is
        step = decide(_STEERING, snapshot, snapshot.read_at)
    return step


def _rescales(step: Step | None) -> bool:
    return step is not None and step.decision.executors != step.decision.executors_before


@dataclass(frozen=True)
class Restless:
    """A policy that wants another size at every barrier."""

    name: str = "restless"
    rescales: bool = True
    needs_target: bool = False

    def forecaster(self) -> None:
        """None: it looks at nothing."""

    def initial(self, *_: Any, **__: Any) -> Proposal:
        """Start with one."""
        return Proposal(1, "start")

    def propose(
        self,
        forecast: Forecast | None,  # noqa: ARG002
        target_s: float | None,  # noqa: ARG002
        progress: Progress,
        bounds: Bounds,
    ) -> Proposal:
        """Ask for more, or for one if that is too many."""
        wanted = progress.requested + 3
        return Proposal(wanted if wanted <= bounds.maximum else bounds.minimum, "another size")


_STEERING = Steering(Restless(), None, None, Bounds(1, 50), 1)
