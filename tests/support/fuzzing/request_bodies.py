"""Bad bodies for every route that writes: each with the path of the field that is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from airflow_enel.domain import (
    Bounds,
    Component,
    Decision,
    Forecast,
    Progress,
    Proposal,
    Run,
    RunContext,
    RunKey,
    RunOutcome,
    RunState,
    ScaleAnswer,
    ScaleOut,
    Stage,
    StageMetrics,
    Step,
    TargetSource,
    TaskDigest,
)
from airflow_enel.history import wire

FAULTS: Final = ("answers of 5xx", "bad ones taken", "refusals without the field's path")

_NAN, _INF = float("nan"), float("inf")
_WRONG: Final[dict[type, tuple[Any, ...]]] = {
    int: ("5", "", 1.5, True, _NAN, _INF, [], {}, [1], None),
    float: ("5", "", True, _NAN, _INF, -_INF, [], {}, [1.0], None),
    str: (5, 1.5, True, _NAN, [], {}, ["x"], None),
    bool: ("true", 0, 1, 1.5, [], {}, None),
    list: (5, "x", True, {"a": 1}, _NAN, None),
    dict: (5, "x", True, [], [1], _NAN, None),
    type(None): ({"surprise": 1}, ["x"]),
}
_MAY_BE_NULL: Final = frozenset(
    {
        "runtime_target_s",
        "target_source",
        "deadline_at",
        "risk",
        "agent_token",
        "exit_code",
        "app_id",
        "started_at",
        "ended_at",
        "runtime_s",
        "violation_s",
        "miss_probability",
        "expected_s",
        "forecast",
        "completed_at",
        "failure",
        "digest",
        "finished_at",
        "succeeded",
        "added_s",
        "running",
        "answer",
    }
)
_WITH_DEFAULTS: Final = frozenset({"metrics", "scale_out"})
_DEFAULT: Final = frozenset(
    {
        "foreign_operator",
        "expected_s",
        "context",
        "entries",
        "input_bytes",
        "slots",
        "initial",
        "cached_bytes",
        "storage_bytes",
        "target_source",
        "deadline_at",
        "risk",
    }
)
_TEXT_OR_NUMBER: Final[tuple[Any, ...]] = (True, _NAN, _INF, [], {}, ["x"], None)
_TOO_MUCH: Final = (2**80, -(2**80), 1e300, "x" * 300, "\x00")

_TRUNCATED, _NOISE, _TOO_LARGE = 0.1, 0.1, 0.05  # parts of all generated cases


@dataclass(frozen=True, slots=True)
class Case:
    """A request with a bad body.

    :param route: below the path of a run
    :param field: path of the wrong field, as the answer must name it; empty if it cannot
    :param bad: False if nobody can tell whether anything bad is in it
    """

    route: str
    body: bytes
    field: str = ""
    bad: bool = True


def good(run: Run) -> dict[str, Any]:
    """A body for each route that takes one, as plain JSON, for the run of a task."""
    stage = Stage(
        *(0, 0, "map", 8, (1,), 2e9, 2e9 + 9, "lost"),
        *(StageMetrics(gc_s=0.5), TaskDigest(8, 8.0, 1.0, 2.0), ScaleOut(4, 4, 0.0, 4.0)),
    )
    component = Component(
        *(0, "key", 0, 0, 2e9 + 0.5, 2e9 + 10.5, True, 10.5),
        *(ScaleOut(4, 6, 0.25, 5.0), False, (stage,)),
    )
    progress = Progress(10.5, (), None, 4, 4, 0, 1, (), 0.5, True)
    decision = Decision(1, 1, 2e9 + 0.5, 4, 6, 0.25, Proposal(6, "cheapest in time"), ())
    forecast = Forecast("bell", (2, 4), (10.5, 5.5), (0.25, 0.25))
    outcome = RunOutcome(
        *(RunState.SUCCEEDED, 0, "app-1", 2e9 + 0.5, 2e9 + 10.5, 10.5, 40.5),
        *(4, 0, 1, 0, 0.5),
        complete=True,
    )
    values: dict[str, tuple[Any, object]] = {
        "": (wire.OpenedRun, wire.OpenedRun(run, "token")),
        "/agent": (wire.Address, wire.Address("driver", 4040)),
        "/components": (tuple[Component, ...], (component,)),
        "/decisions/1": (wire.BriefStep, wire.BriefStep(Step(progress, forecast, decision), ())),
        "/decisions/1/answer": (wire.MaybeAnswer, wire.MaybeAnswer(ScaleAnswer(True, 4, "asked"))),
        "/miss-warning": (wire.MissWarned, wire.MissWarned(2e9 + 0.5)),
        "/outcome": (RunOutcome, outcome),
    }
    return {route: json.loads(wire.encode(*value)) for route, value in values.items()}


def run_of(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Run:
    """A run that the task opens."""
    key = RunKey(dag_id, run_id, task_id, map_index, 1)
    context = RunContext.of({"application": "job.py", "input_mib": 10.5, "executor_cores": 2})
    return Run(
        *(key, "job", "job.py", "bell", Bounds(1, 10), 600.5, 4, 2e9 + 0.5),
        foreign_operator=False,
        context=context,
        target_source=TargetSource.DEADLINE,
        deadline_at=2e9 + 600.5,
    )


def curated(bodies: dict[str, Any]) -> Iterator[Case]:
    """Every field with every wrong type, every field left out, and one too many everywhere."""
    for route, body in bodies.items():
        for path in _paths(body):
            for wrong in _wrong(body, path):
                yield Case(route, written(_with(body, path, wrong)), _dotted(path))
            if _needed(path):
                yield Case(route, written(_without(body, path)), _dotted(path))
            if isinstance(_at(body, path), dict):
                more = (*path, "surprise")
                yield Case(route, written(_with(body, more, 1)), _dotted(more))


def generated(bodies: dict[str, Any], seed: int, count: int) -> Iterator[Case]:
    """Damages at random places."""
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    places = [(route, path) for route, body in bodies.items() for path in _paths(body)]
    for _ in range(count):
        route, path = rng.choice(places)
        body = bodies[route]
        kind = rng.random()
        if kind < _TRUNCATED:
            text = written(body)
            yield Case(route, text[: rng.randrange(len(text))])
        elif kind < _TRUNCATED + _NOISE:
            noisy = bytearray(written(body))
            for _ in range(rng.randint(1, 6)):
                noisy[rng.randrange(len(noisy))] = rng.randrange(256)
            yield Case(route, bytes(noisy), bad=False)
        elif kind < _TRUNCATED + _NOISE + _TOO_LARGE:
            yield Case(route, written(_with(body, path, rng.choice(_TOO_MUCH))), bad=False)
        else:
            wrong = rng.choice(_wrong(body, path))
            damaged = _with(body, path, wrong)
            other = rng.choice([p for p in _paths(damaged) if p[: len(path)] != path] or [path])
            field = _dotted(path)
            if other != path[: len(other)] and rng.random() < _NOISE:
                damaged = _with(damaged, other, rng.choice(_wrong(body, other)))
                field = ""  # a refusal names five fields at most: these may be the other's
            yield Case(route, written(damaged), field)


def fault(case: Case, put: Callable[[str, bytes], Any]) -> str | None:
    """What is wrong with the answer to a case, None if nothing is.

    :param put: sends a body to a route
    """
    answer = put(case.route, case.body)
    if answer.status_code >= 500:
        return "answers of 5xx"
    if not case.bad:
        return None
    if answer.status_code < 400:
        return "bad ones taken"
    if case.field not in answer.text:
        return "refusals without the field's path"
    return None


Path = tuple[str | int, ...]

_VALUE: Final = 3  # entries, the number of one, the second of its pair


def _paths(value: Any, above: Path = ()) -> list[Path]:
    """Where something stands in a JSON value, itself left out."""
    if isinstance(value, dict):
        inner = list(value.items())
    else:
        inner = list(enumerate(value)) if isinstance(value, list) else []
    found: list[Path] = []
    for name, below in inner:
        found += [(*above, name), *_paths(below, (*above, name))]
    return found


def _needed(path: Path) -> bool:
    if not isinstance(path[-1], str) or path[-1] in _DEFAULT:
        return False
    return not _WITH_DEFAULTS & set(path[:-1])


def _wrong(body: Any, path: Path) -> list[Any]:
    if "entries" in path and path[-1] == 1 and len(path) - path.index("entries") == _VALUE:
        return list(_TEXT_OR_NUMBER)
    wrong = _WRONG[type(_at(body, path))]
    return [w for w in wrong if w is not None or path[-1] not in _MAY_BE_NULL]


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(body: Any, path: Path, value: Any) -> Any:
    damaged = deepcopy(body)
    _at(damaged, path[:-1])[path[-1]] = value
    return damaged


def _without(body: Any, path: Path) -> Any:
    damaged = deepcopy(body)
    del _at(damaged, path[:-1])[path[-1]]
    return damaged


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def written(value: Any) -> bytes:
    """JSON, with NaN and infinity as they are."""
    return json.dumps(value).encode()
