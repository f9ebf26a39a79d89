"""What every history does, wherever it keeps things."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_enel.domain import (
    NO_CONTEXT,
    NO_SWITCHES,
    AgentAccess,
    AgentAddress,
    RunContext,
    RunKey,
    RunState,
    ScaleAnswer,
    ScaleRequest,
    StageMetrics,
    Switches,
    TargetSource,
)
from airflow_enel.history.interface import (
    DecisionStatus,
    HistoryRefused,
    RecurringJob,
    UnknownRun,
)
from tests.support.builders import samples
from tests.support.builders import strategies as generated

if TYPE_CHECKING:
    from tests.history.conftest import Kept

ACCEPTED = ScaleAnswer(accepted=True, executors=4, message="asked")
REFUSED = ScaleAnswer(accepted=False, executors=6, message="epoch is past")


def only_run(kept: Kept, dag_id: str) -> Any:
    (row,) = kept.stored.runs(dag_id)
    return row


def test_a_run_opened_twice_is_one_run_with_its_latest_values(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = kept.opened(run)
    history.open_run(replace(run, policy="bell"), None)
    row = only_run(kept, dag)
    assert row.run == replace(run, policy="bell")
    assert (row.state, row.outcome, row.rescales) == (RunState.SUBMITTED, None, 0)


def test_what_a_target_was_made_of_is_kept_with_the_run(kept: Kept) -> None:
    run = samples.run(target_source=TargetSource.DEADLINE_ALERT, deadline_at=samples.NOON + 600)
    assert kept.opened(run).run(run.key.id).run == run


def test_switches_hold_for_the_runs_of_their_job_only(kept: Kept) -> None:
    dag, held = f"dag-{uuid4()}", Switches(pause_in=True, dry_run=True)
    paused, other = samples.run(dag, "paused"), samples.run(dag, "other")
    histories = [(run, kept.opened(run)) for run in (paused, other)]
    kept.switches.save(RecurringJob(dag, "paused"), held)
    kept.switches.save(RecurringJob(f"{dag}-b", "other"), held)
    assert [history.switches(run.key.id) for run, history in histories] == [held, NO_SWITCHES]
    kept.switches.save(RecurringJob(dag, "paused"), Switches(pause_out=True))
    assert histories[0][1].switches(paused.key.id) == Switches(pause_out=True)


def test_of_several_warnings_of_a_miss_the_first_is_kept(kept: Kept) -> None:
    run, other = samples.run(), samples.run()
    history, at = kept.opened(run), samples.NOON + 0.123456
    assert history.warn_of_miss(run.key.id, at)
    assert history.warn_of_miss(run.key.id, at)  # an answer that was lost
    assert not history.warn_of_miss(run.key.id, at + 0.001)
    history.open_run(run, None)  # by a later try
    assert not history.warn_of_miss(run.key.id, at + 10.0)
    assert kept.opened(other).warn_of_miss(other.key.id, at + 10.0)


def test_a_warning_of_an_unknown_run_or_at_no_moment_is_refused(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run)
    with pytest.raises(HistoryRefused):
        history.warn_of_miss("0" * 32, samples.NOON)
    with pytest.raises(HistoryRefused):
        history.warn_of_miss(run.key.id, math.nan)


def test_the_agent_is_known_once_its_address_is_and_keeps_its_token(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run, "t0ken")
    assert history.agent_of(run.key.id) == AgentAccess("t0ken", None)
    history.save_agent(run.key.id, AgentAddress("driver.example", 4040))
    history.open_run(run, None)  # a retry that has no token
    assert history.agent_of(run.key.id) == AgentAccess(
        "t0ken", AgentAddress("driver.example", 4040)
    )


def test_opening_again_after_the_end_leaves_outcome_and_agent_alone(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = kept.opened(run)
    history.save_agent(run.key.id, AgentAddress("driver", 1))
    history.finish_run(run.key.id, samples.outcome())
    history.open_run(run, None)
    assert only_run(kept, dag).outcome == samples.outcome()
    assert history.agent_of(run.key.id) is not None


def test_a_replay_of_components_changes_nothing_and_a_correction_does(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run)
    first, second = samples.component(0), samples.component(1)
    for _ in range(2):
        history.save_components(run.key.id, (first, second))
    assert kept.stored.components(run.key.id) == (first, second)
    corrected = replace(second, disturbed=True, stages=(samples.stage(1, tasks=99),))
    history.save_components(run.key.id, (corrected,))
    assert kept.stored.components(run.key.id) == (first, corrected)


def test_many_components_arrive_in_one_call(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run)
    many = tuple(samples.component(position) for position in range(401))
    history.save_components(run.key.id, many)
    assert kept.stored.components(run.key.id) == many


@pytest.mark.parametrize(
    "components",
    [
        (samples.component(finished_at=None),),
        (samples.component(1), samples.component(1)),
        (samples.component(stages=(samples.stage(), samples.stage())),),
        (samples.component(added_s=math.inf, started_at=math.nan),),
        (samples.component(started_at=1e18),),
        (samples.component(stages=(samples.stage(parents=("a",)),)),),
        (samples.component(job_id=2**70),),
    ],
    ids=["unfinished", "twice", "stage-twice", "nan", "year", "type", "size"],
)
def test_impossible_components_are_refused_and_none_is_stored(
    kept: Kept, components: tuple[Any, ...]
) -> None:
    run = samples.run()
    history = kept.opened(run)
    with pytest.raises(HistoryRefused):
        history.save_components(run.key.id, (samples.component(0), *components)[-2:])
    assert kept.stored.components(run.key.id) == ()


def test_a_decision_is_recorded_once_per_epoch(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run)
    assert history.intend(run.key.id, samples.step(1, executors=6))
    assert not history.intend(run.key.id, samples.step(1, executors=9))
    assert history.intend(run.key.id, samples.step(2, executors=7))
    rows = kept.stored.decisions(run.key.id)
    assert [(r.step.decision.epoch, r.step.decision.executors) for r in rows] == [(1, 6), (2, 7)]
    assert {r.status for r in rows} == {DecisionStatus.INTENDED}


def test_an_answer_is_only_replaced_by_one_that_knows_more(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run)
    history.intend(run.key.id, samples.step())
    seen = []
    for answer in (None, REFUSED, None, ACCEPTED, REFUSED, None, replace(ACCEPTED, executors=9)):
        history.complete(run.key.id, 1, answer)
        (row,) = kept.stored.decisions(run.key.id)
        seen.append((row.status, row.answer))
    unanswered = (DecisionStatus.UNANSWERED, None)
    refused, accepted = (DecisionStatus.REFUSED, REFUSED), (DecisionStatus.ACCEPTED, ACCEPTED)
    assert seen == [unanswered, refused, refused, *[accepted] * 4]


def test_only_accepted_changes_after_the_start_count_as_rescales(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = kept.opened(run)
    for epoch, executors, answer in [(0, 6, ACCEPTED), (1, 4, ACCEPTED), (2, 6, REFUSED)]:
        history.intend(run.key.id, samples.step(epoch, before=4, executors=executors))
        history.complete(run.key.id, epoch, answer)
    assert only_run(kept, dag).rescales == 0
    history.intend(run.key.id, samples.step(3, before=4, executors=6))
    history.complete(run.key.id, 3, ACCEPTED)
    assert only_run(kept, dag).rescales == 1


@pytest.mark.parametrize("later", [RunState.SUBMITTED, RunState.LOST])
@pytest.mark.parametrize("final", [RunState.SUCCEEDED, RunState.FAILED, RunState.KILLED])
def test_the_end_of_a_run_is_not_undone_by_who_knows_less(
    kept: Kept, final: RunState, later: RunState
) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = kept.opened(run)
    history.finish_run(run.key.id, samples.outcome(RunState.LOST, ended_at=None))
    history.finish_run(run.key.id, samples.outcome(final))
    history.finish_run(run.key.id, samples.outcome(later, executor_seconds=0.0))
    assert only_run(kept, dag).outcome == samples.outcome(final)


def test_a_lost_run_may_turn_out_to_have_succeeded(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = kept.opened(run)
    history.finish_run(run.key.id, samples.outcome(RunState.LOST))
    history.finish_run(run.key.id, samples.outcome())
    assert only_run(kept, dag).state is RunState.SUCCEEDED


def test_past_runs_are_the_latest_succeeded_ones_oldest_first(kept: Kept) -> None:
    dag, other = f"dag-{uuid4()}", f"dag-{uuid4()}"

    def finish(run: Any, **changes: Any) -> None:
        history = kept.opened(run)
        history.save_components(run.key.id, (samples.component(0), samples.component(1)))
        history.finish_run(run.key.id, samples.outcome(**changes))

    starts = [samples.NOON + day for day in (30.0, 10.0, 20.0)]
    for start in starts:
        finish(samples.run(dag), started_at=start)
    later = samples.NOON + 99.0
    finish(samples.run(dag), started_at=later, state=RunState.FAILED)
    finish(samples.run(dag), started_at=later, runtime_s=None)
    finish(samples.run(dag), started_at=later, complete=False)
    finish(samples.run(dag, initial_executors=9), started_at=later, complete=False)
    finish(samples.run(dag, "another job"))
    finish(samples.run(other))
    asker = kept.opened(samples.run(dag))
    past = asker.past_runs(dag, "job", 2)
    assert [p.started_at for p in past] == sorted(starts)[1:]
    assert past[0].components == tuple(replace(samples.component(p), stages=()) for p in (0, 1))
    assert asker.past_runs(dag, "no such job") == ()


def test_past_runs_bring_context_and_on_request_stages(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    context = RunContext.of({"input_mib": 512, "skew": 0.5, "ä": "tägl."})
    run = samples.run(dag, context=context)
    history = kept.opened(run)
    attempts = (
        samples.stage(0, failure="a machine was lost"),
        samples.stage(0, attempt=1),
        samples.stage(0, attempt=2, metrics=StageMetrics(input_bytes=5)),
        samples.stage(7, metrics=StageMetrics(input_bytes=2**63 - 1)),
        samples.stage(8, completed_at=None),
    )
    components = (samples.component(0, stages=attempts), samples.component(1, stages=()))
    history.save_components(run.key.id, components)
    history.finish_run(run.key.id, samples.outcome())
    (plain,) = history.past_runs(dag, "job")
    (full,) = history.past_runs(dag, "job", stages=True)
    assert full.components == components
    without_stages = tuple(replace(c, stages=()) for c in components)
    assert plain == replace(full, components=without_stages)
    assert (plain.context, {c.stages for c in plain.components}) == (context, {()})
    assert [c.input_bytes for c in plain.components] == [2**40 + 2**63 - 1, 0]


def test_past_runs_bring_losses_and_the_requests_that_were_accepted(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = kept.opened(run)
    answers = {0: True, 1: True, 2: False, 3: None, 4: True}
    for epoch, accepted in answers.items():
        history.intend(run.key.id, samples.step(epoch, executors=epoch + 1))
        answer = None if accepted is None else ScaleAnswer(accepted, 4, "")
        history.complete(run.key.id, epoch, answer)
    history.finish_run(run.key.id, samples.outcome(executors_lost=3))
    (past,) = history.past_runs(dag, "job")
    assert past.executors_lost == 3
    assert past.requests == tuple(ScaleRequest(e + 1, 1, e, samples.NOON) for e in (1, 4))


def succeeded(kept: Kept, dag: str, initial: int, day: float) -> None:
    run = samples.run(dag, initial_executors=initial)
    kept.opened(run).finish_run(run.key.id, samples.outcome(started_at=samples.NOON + day))


def test_past_runs_keep_the_latest_few_of_every_other_initial_size(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    sizes = [8, 4, 4, 2, 4, 4, 6, 6, 6]  # day by day
    for day, size in enumerate(sizes):
        succeeded(kept, dag, size, float(day))
    past = kept.opened(samples.run(dag)).past_runs(dag, "job", 3)
    seen = [(round(p.started_at - samples.NOON), p.initial_executors) for p in past]
    # The latest three are all at 6. Of the others the limit admits three, at most 3 of a size.
    assert seen == [(3, 2), (4, 4), (5, 4), (6, 6), (7, 6), (8, 6)]
    past = kept.opened(samples.run(dag)).past_runs(dag, "job", 4)
    assert [round(p.started_at - samples.NOON) for p in past] == [0, 3, 5, 6, 7, 8]


def test_of_another_initial_size_no_more_than_a_few_runs_are_kept(kept: Kept) -> None:
    dag = f"dag-{uuid4()}"
    for day in range(5):
        succeeded(kept, dag, 4, float(day))
    for day in range(5, 10):
        succeeded(kept, dag, 6, float(day))
    past = kept.opened(samples.run(dag)).past_runs(dag, "job", 5)
    assert [round(p.started_at - samples.NOON) for p in past] == [2, 3, 4, 5, 6, 7, 8, 9]


def test_an_unknown_run_is_called_so(kept: Kept) -> None:
    run = samples.run()
    history = kept.reach(run)
    unknown = run.key.id
    calls = [
        lambda: history.save_agent(unknown, AgentAddress("h", 1)),
        lambda: history.agent_of(unknown),
        lambda: history.run(unknown),
        lambda: history.save_components(unknown, (samples.component(),)),
        lambda: history.intend(unknown, samples.step()),
        lambda: history.complete(unknown, 1, None),
        lambda: history.finish_run(unknown, samples.outcome()),
    ]
    for call in calls:
        with pytest.raises(UnknownRun, match="open it first"):
            call()


def test_an_unknown_decision_is_called_so(kept: Kept) -> None:
    run = samples.run()
    with pytest.raises(UnknownRun, match="intend"):
        kept.opened(run).complete(run.key.id, 7, None)


@pytest.mark.parametrize(("host", "port"), [("", 1), ("h", 0), ("h", 65536), ("h", "80")])
def test_an_impossible_address_is_refused(kept: Kept, host: str, port: Any) -> None:
    run = samples.run()
    with pytest.raises(HistoryRefused, match=r"host|port"):
        kept.opened(run).save_agent(run.key.id, AgentAddress(host, port))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_what_is_read_is_what_was_written(kept: Kept, data: st.DataObject) -> None:
    dag = f"dag-{uuid4()}"
    key = RunKey(dag, str(uuid4()), data.draw(generated.names), data.draw(st.integers(-1, 9)), 1)
    run = data.draw(generated.runs(key))
    components = data.draw(generated.components())
    step, answer = data.draw(generated.steps()), data.draw(st.none() | generated.answers)
    outcome = data.draw(generated.outcomes)

    history = kept.opened(run, data.draw(st.none() | generated.names))
    history.save_components(key.id, components)
    history.intend(key.id, step)
    history.complete(key.id, step.decision.epoch, answer)
    history.finish_run(key.id, outcome)

    row = only_run(kept, dag)
    assert (row.run, row.outcome) == (run, outcome)
    assert kept.stored.components(key.id) == components
    (decision,) = kept.stored.decisions(key.id)
    assert decision.answer == answer
    assert decision.finished == tuple(c.position for c in step.progress.finished)
    brief = replace(step.progress, finished=(), requests=(), context=NO_CONTEXT)
    assert decision.step == replace(step, progress=brief)
