"""Bad payloads of agents and bad bodies of requests, by the hundred thousand, always the same."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final

from airflow_enel.history import wire
from benchmarks.figures import Figure
from tests.support.airflow import server
from tests.support.fuzzing import agent_pages as payloads
from tests.support.fuzzing import agent_stream as stream
from tests.support.fuzzing import request_bodies as bodies
from tests.support.fuzzing.verdict import FAULTS, fault, verdict

PAYLOADS: Final = 80_000
BODIES: Final = 20_000
SEED: Final = 3


def measure() -> Iterable[Figure]:
    """Count crashes, rescales on bad data, and refusals that do not name the field."""
    yield from _figures("agent payloads", agent_fuzz(PAYLOADS, SEED))
    for _, environment in server.databases():
        counts = server.run_in(environment, "benchmarks.robustness.fuzz", str(BODIES), str(SEED))
        yield from _figures("API bodies", counts)
        break


def _figures(what: str, counts: dict[str, float]) -> Iterable[Figure]:
    for name, count in counts.items():
        aim = "= 0" if name in (*FAULTS, *bodies.FAULTS) else ""
        yield Figure.of(f"{what}, {name}", "s" if name == "time" else "count", [count], aim)


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


def body_fuzz(count: int, seed: int) -> dict[str, float]:
    """Send good bodies, then bad ones, to the API server of this process's Airflow."""
    server.create_tables()
    headers = server.running_task("fuzz")
    run = bodies.run_of("fuzz", "now", "spark")
    healthy = bodies.good(run)
    counts: Counter[str] = Counter(dict.fromkeys(bodies.FAULTS, 0))
    with server.api_server() as client:

        def put(route: str, body: bytes) -> Any:
            path = f"{wire.PREFIX}/runs/{run.key.id}{route}"
            return client.put(path, content=body, headers=headers)

        for route, body in healthy.items():
            if put(route, bodies.written(body)).is_error:
                raise RuntimeError(f"the good body for {route or '/'} was refused")
        start = time.perf_counter()
        cases = list(bodies.curated(healthy))
        for case in (*cases, *bodies.generated(healthy, seed, count)):
            counts[bodies.fault(case, put) or "without a fault"] += 1
    spent_s = time.perf_counter() - start
    return {"curated": len(cases), "generated": count, **counts, "time": spent_s}


if __name__ == "__main__":
    counts_of_this = body_fuzz(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write("\n" + json.dumps(counts_of_this) + "\n")
