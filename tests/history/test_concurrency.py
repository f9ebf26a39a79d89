"""Several writers of the same run at the same time, on a database that lets them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import RunState, ScaleAnswer
from airflow_enel.history.interface import DecisionStatus
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.history.sql.tables import Base, Job
from tests.support.builders import samples
from tests.support.processes.postgres import schema

ROUNDS = 15
WRITERS = 4


@pytest.fixture(scope="module")
def engine(postgres_server: str) -> Iterator[Engine]:
    with schema(postgres_server) as url:
        engine = create_engine(url, pool_size=WRITERS)
        Base.metadata.create_all(engine)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def history(engine: Engine) -> SqlHistory:
    return SqlHistory(sessionmaker(engine).begin)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Start all at the same moment; whatever one raises is raised here."""
    barrier = threading.Barrier(len(actions))

    def start(action: Callable[[], Any]) -> Any:
        barrier.wait(10)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(start, actions))


def test_a_run_opened_by_many_is_one_run_of_one_job(history: SqlHistory, engine: Engine) -> None:
    for _ in range(ROUNDS):
        dag = f"dag-{uuid4()}"
        run = samples.run(dag)
        at_once(*[lambda run=run: history.open_run(run, None)] * WRITERS)
        assert [row.run for row in history.runs(dag)] == [run]
        with engine.connect() as connection:
            jobs = select(func.count()).where(Job.dag_id == dag)
            assert connection.scalar(jobs) == 1


def test_components_that_come_from_several_sides_are_stored_once(history: SqlHistory) -> None:
    for _ in range(ROUNDS):
        run = samples.run()
        history.open_run(run, None)
        all_of_them = tuple(samples.component(position) for position in range(6))
        parts = [all_of_them[:2], all_of_them[1:4], all_of_them[3:], all_of_them]
        at_once(*[lambda p=part, r=run: history.save_components(r.key.id, p) for part in parts])
        assert history.components(run.key.id) == all_of_them


def test_corrections_that_meet_leave_one_of_them(history: SqlHistory) -> None:
    for _ in range(ROUNDS):
        run = samples.run()
        history.open_run(run, None)
        plain = tuple(samples.component(position) for position in range(3))
        history.save_components(run.key.id, plain)
        changed = [tuple(replace(c, occurrence=n) for c in plain) for n in range(1, WRITERS + 1)]
        at_once(*[lambda c=c, r=run: history.save_components(r.key.id, c) for c in changed])
        assert history.components(run.key.id) in changed


def test_of_decisions_for_one_epoch_exactly_one_is_new(history: SqlHistory) -> None:
    for _ in range(ROUNDS):
        run = samples.run()
        history.open_run(run, None)
        steps = [samples.step(1, executors=n + 5) for n in range(WRITERS)]
        new = at_once(*[lambda s=s, r=run: history.intend(r.key.id, s) for s in steps])
        assert sorted(new) == [False] * (WRITERS - 1) + [True]
        (row,) = history.decisions(run.key.id)
        assert row.step.decision.executors == new.index(True) + 5


def test_the_best_answer_and_the_final_state_win_whoever_comes_last(history: SqlHistory) -> None:
    accepted = ScaleAnswer(accepted=True, executors=4, message="asked")
    refused = ScaleAnswer(accepted=False, executors=6, message="epoch is past")
    for _ in range(ROUNDS):
        dag = f"dag-{uuid4()}"
        run = samples.run(dag)
        history.open_run(run, None)
        history.intend(run.key.id, samples.step())
        answers = [
            lambda a=answer, r=run: history.complete(r.key.id, 1, a)
            for answer in (None, accepted, refused)
        ]
        states = (RunState.SUBMITTED, RunState.SUCCEEDED, RunState.LOST)
        ends = [
            lambda s=state, r=run: history.finish_run(r.key.id, samples.outcome(s))
            for state in states
        ]
        at_once(*answers, *ends)
        (decision,) = history.decisions(run.key.id)
        assert (decision.status, decision.answer) == (DecisionStatus.ACCEPTED, accepted)
        (row,) = history.runs(dag)
        assert row.state is RunState.SUCCEEDED
