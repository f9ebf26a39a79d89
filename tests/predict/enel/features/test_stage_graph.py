from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain.context import CODE, RunContext
from airflow_enel.predict.enel.config import DEFAULT, PAPER
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, RunFeatures, path_shares
from airflow_enel.predict.enel.features.summary_nodes import Summaries
from airflow_enel.predict.enel.inference.graph_layout import Layout
from airflow_enel.predict.enel.inference.numpy_network import longest
from tests.support.builders.past_runs import component
from tests.support.builders.staged_runs import stage, staged_run, with_stages


def graph_of(*stages):
    return ComponentGraph.of(with_stages(0, stages), "job")


def test_nodes_lie_by_depth_with_their_edges_by_target():
    graph = graph_of(stage(1), stage(2, (1,)), stage(3), stage(4, (2, 3)))
    assert graph.names == ("stage 1", "stage 3", "stage 2", "stage 4")
    assert graph.depth.tolist() == [0, 0, 1, 2]
    assert graph.edges == ((0, 2), (1, 3), (2, 3))


def test_only_the_last_attempt_of_a_stage_counts():
    graph = graph_of(stage(1, attempt=1, seconds=9.0), stage(1, seconds=2.0), stage(2, (1,)))
    assert graph.size == 2
    assert graph.runtime_s[0] == 9.0
    assert graph.own[0] == ("stage 1", 9, 1)


def test_parents_that_were_skipped_or_cannot_be_are_left_out():
    graph = graph_of(stage(5, (1, 5, 7)), stage(7, (5,)))
    assert graph.edges == ((0, 1),)


def test_a_component_without_stages_is_one_node_without_metrics():
    graph = ComponentGraph.of(component(3, "a", added_s=7.0), "job")
    assert graph.size == 1
    assert graph.runtime_s.tolist() == [7.0]
    assert not graph.mask.any()
    assert graph.always == ("job", "a", 3, 0)


@pytest.mark.parametrize("seconds", [None, -3.0])
def test_a_stage_that_did_not_complete_or_went_back_in_time_took_nothing(seconds):
    assert graph_of(stage(1, seconds=seconds)).runtime_s.tolist() == [0.0]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_shares_add_up_to_one_along_the_longest_path(runtimes, random):
    n = len(runtimes)
    edges = [(i, j) for j in range(n) for i in range(j) if random.random() < 0.4]
    shares = path_shares(np.array(runtimes), edges)
    total = shares.copy()
    for source, target in edges:
        total[target] = max(total[target], shares[target] + total[source])
    assert total.max() == pytest.approx(1.0)
    assert (shares >= 0).all()


def test_longest_path_goes_through_the_slower_branch():
    edges = np.array([(0, 1), (0, 2), (1, 3), (2, 3)]).T
    layout = Layout.of(np.zeros(4, int), np.array([0, 1, 1, 2]), edges, np.zeros(4, bool))
    made = longest(np.array([[1.0], [2.0], [5.0], [3.0]]), layout)
    assert made.tolist() == [[9.0]]


def summaries(*sizes):
    graphs = [
        replace(graph_of(stage(1, cpu=0.1 * i)), start=float(s), end=float(s))
        for i, s in enumerate(sizes)
    ]
    return Summaries.of([(graph, ()) for graph in graphs], PAPER)


def at(executors):
    return np.array([float(executors)])


def test_h_is_the_mean_of_the_five_nearest_and_later_runs_come_first():
    past = summaries(8, 4, 12, 30, 8, 4, 40)
    weights = past.nearest(at(8), at(8), 5).weights[0]
    assert weights.tolist() == [0.2, 0.2, 0.2, 0, 0.2, 0.2, 0]
    tied = summaries(6, 10, 6).nearest(at(8), at(8), 2).weights[0]
    assert tied.tolist() == [0.5, 0.5, 0]


def test_fewer_past_runs_than_neighbours_all_count():
    assert summaries(4, 8).nearest(at(5), at(5), 5).weights[0].tolist() == [0.5, 0.5]


def test_p_0_is_the_mean_at_the_nearest_scale_out():
    blend = summaries(4, 8, 8, 20).closest(at(9), at(9))
    assert blend.weights[0].tolist() == [0, 0.5, 0.5, 0]
    assert blend.metrics[0, 0] == pytest.approx(0.15)


def test_a_mean_leaves_out_runs_without_that_metric():
    past = summaries(4, 4)
    mask = past.mask.copy()
    mask[0, 0] = 0
    blend = replace(past, mask=mask).nearest(at(4), at(4), 5)
    assert blend.metrics[0, 0] == pytest.approx(0.1)
    assert blend.mask[0, 0] == 1


def history_of(*runs):
    return JobHistory.of([RunFeatures.of(run, "job") for run in runs], DEFAULT)


def test_the_template_is_the_latest_of_the_usual_structure():
    usual = [staged_run(number, executors=number) for number in (1, 2)]
    changed = staged_run(3, 3)
    other = with_stages(0, (stage(1, name="other"),))
    changed = replace(changed, components=(other, *changed.components[1:]))
    history = history_of(*usual, changed)
    first = history.component(("step 0", 0))
    assert first is not None
    assert first.template.start == 2
    assert len(first.summaries.properties) == 3


def test_summaries_lack_what_a_whole_run_was_off_by():
    """Runs whose stages all use more or less of the processor tell nothing of a component."""
    runs = []
    for number, cpu in enumerate((0.2, 0.5, 0.9)):
        parts = (
            with_stages(0, (stage(1, cpu=cpu),)),
            with_stages(1, (stage(2, cpu=cpu), stage(3, (2,), cpu=cpu))),
        )
        runs.append(replace(staged_run(number, 4), components=parts))
    for component_history in history_of(*runs).components:
        assert component_history.reference[0, 0] == pytest.approx(1.6 / 3)
        assert component_history.summaries.metrics == pytest.approx(0.0, abs=1e-12)


def test_a_component_that_no_run_had_has_no_history():
    assert history_of(staged_run(1, 4)).component(("never", 0)) is None


def test_no_runs_are_an_empty_history():
    assert not history_of().rows


def test_expected_metrics_are_those_that_half_of_the_runs_define():
    without = staged_run(1, 4)
    bare = component(0, "step 0")
    runs = [staged_run(n, 4) for n in (2, 3)]
    history = history_of(replace(without, components=(bare, *without.components[1:])), *runs)
    first = history.component(("step 0", 0))
    assert first is not None
    assert first.expected_mask.tolist() == [[1, 1, 0, 1, 0]] * 2


def test_the_network_does_not_see_which_code_a_run_had():
    known = {"application": "job.py", "input_mib": 5}
    with_code = RunContext.of({**known, CODE: "0123456789abcdef"})
    run = replace(staged_run(1, 4), context=with_code)
    assert RunFeatures.of(run, "job").context == tuple(known.items())
