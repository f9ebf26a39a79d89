"""Whatever is sent to a route that writes: never a 5xx, and a refusal names the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.fuzzing import request_bodies as bodies

Put = Callable[[str, bytes], Any]


@pytest.fixture
def put(task: Any) -> Put:
    return lambda route, body: task.put(f"{task.path}{route}", body)


@pytest.fixture
def good(task: Any, put: Put) -> dict[str, Any]:
    key = task.run.key
    return bodies.good(bodies.run_of(key.dag_id, key.run_id, key.task_id, key.map_index))


def faults(cases: list[bodies.Case], put: Put) -> list[tuple[str, str, bytes, str]]:
    found = ((case, bodies.fault(case, put)) for case in cases)
    return [(c.route, c.field, c.body[:200], wrong) for c, wrong in found if wrong]


def test_every_good_body_is_taken(good: dict[str, Any], put: Put) -> None:
    answers = {route: put(route, bodies.written(body)) for route, body in good.items()}
    assert {r: a.text for r, a in answers.items() if a.is_error} == {}


def test_a_wrong_field_is_refused_and_named(good: dict[str, Any], put: Put) -> None:
    cases = list(bodies.curated(good))
    assert len(cases) > 1000
    assert faults(cases[::4], put) == []


def test_random_damage_is_never_a_5xx(good: dict[str, Any], put: Put) -> None:
    assert faults(list(bodies.generated(good, seed=1, count=400)), put) == []
