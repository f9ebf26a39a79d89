"""Values of the domain as Hypothesis makes them: odd, but possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from airflow_enel.domain import (
    Bounds,
    Component,
    Decision,
    Forecast,
    GuardNote,
    Progress,
    Proposal,
    Run,
    RunContext,
    RunKey,
    RunOutcome,
    RunState,
    ScaleAnswer,
    ScaleOut,
    ScaleRequest,
    Stage,
    StageMetrics,
    Step,
    TargetSource,
    TaskDigest,
)
from airflow_enel.domain.snapshot import input_bytes_of

counts = st.integers(0, 2**31 - 1)
small = st.integers(0, 60)
sizes = st.integers(0, 2**63 - 1)
seconds = st.floats(0, 1e12, allow_nan=False, allow_subnormal=False)
moments = st.integers(0, 4 * 10**15).map(lambda us: us / 1e6)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=250)
maybe_moments = st.none() | moments
maybe_seconds = st.none() | seconds
shares = st.floats(0, 1, allow_subnormal=False)

texts_of_context = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=500)
contexts = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=100),
    texts_of_context
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
).map(RunContext.of)

bounds = st.tuples(st.integers(1, 50), st.integers(0, 50)).map(lambda t: Bounds(t[0], sum(t)))
scale_outs = st.builds(ScaleOut, small, small, shares, seconds)
digests = st.builds(TaskDigest, counts, seconds, seconds, seconds)
metrics = st.builds(StageMetrics, *[seconds] * 3, *[sizes] * 7)
guard_notes = st.builds(GuardNote, texts, small, texts)
requests = st.builds(ScaleRequest, small, small, small, moments)
answers = st.builds(ScaleAnswer, st.booleans(), small, texts)


@st.composite
def stages(draw: st.DrawFn) -> tuple[Stage, ...]:
    keys = draw(st.sets(st.tuples(counts, small), max_size=3))
    parents = st.lists(counts, max_size=3).map(tuple)
    rest: tuple[st.SearchStrategy[Any], ...] = (
        maybe_moments,
        st.none() | texts,
        metrics,
        st.none() | digests,
        scale_outs,
    )
    return tuple(
        Stage(*key, draw(texts), draw(counts), draw(parents), draw(moments), *map(draw, rest))
        for key in sorted(keys)
    )


@st.composite
def components(draw: st.DrawFn, *, finished: bool = True) -> tuple[Component, ...]:
    positions = sorted(draw(st.sets(counts, max_size=3)))
    ends = moments if finished else st.none()
    succeeded = st.none() | st.booleans()
    made = [
        st.builds(
            Component,
            st.just(position),
            *(texts, small, counts, moments, ends, succeeded, maybe_seconds),
            *(scale_outs, st.booleans(), stages()),
        )
        for position in positions
    ]
    drawn = map(draw, made)
    return tuple(replace(c, input_bytes=input_bytes_of(c.stages)) for c in drawn)


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    executors = sorted(draw(st.sets(small, min_size=1, max_size=5)))
    spreads = st.lists(seconds, min_size=len(executors), max_size=len(executors)).map(tuple)
    return Forecast(draw(texts), tuple(executors), draw(spreads), draw(spreads))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    running = draw(components(finished=False))
    progress = Progress(
        draw(seconds),
        draw(components()),
        running[0] if running else None,
        draw(small),
        draw(small),
        draw(small),
        draw(counts),
        tuple(draw(st.lists(requests, max_size=2))),
        draw(seconds),
        draw(st.booleans()),
        draw(contexts),
        draw(counts),
        draw(counts),
    )
    decision = Decision(
        draw(counts),
        draw(small),
        draw(moments),
        draw(small),
        draw(small),
        draw(st.none() | shares),
        Proposal(draw(small), draw(texts)),
        tuple(draw(st.lists(guard_notes, max_size=2))),
    )
    return Step(progress, draw(st.none() | forecasts()), decision)


def runs(key: RunKey) -> st.SearchStrategy[Run]:
    return st.builds(
        Run,
        st.just(key),
        *(names, texts, texts, bounds, maybe_seconds, small, moments, st.booleans(), contexts),
        *(st.none() | st.sampled_from(TargetSource), maybe_moments),
    )


outcomes = st.builds(
    RunOutcome,
    st.sampled_from(RunState),
    st.none() | st.integers(-255, 255),
    st.none() | texts,
    *(maybe_moments, maybe_moments, maybe_seconds, seconds),
    *[counts] * 4,
    maybe_seconds,
    st.booleans(),
)
