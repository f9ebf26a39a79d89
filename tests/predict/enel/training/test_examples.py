"""Past runs as examples to train on."""

from __future__ import annotations

import numpy as np

from airflow_enel.domain import JobRuns
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.training.examples import TrainingRuns, walk_forward_examples
from tests.support.builders.staged_runs import staged_run


def test_components_that_no_past_run_had_are_inputs_but_no_targets() -> None:
    runs = [staged_run(0, 4), staged_run(1, 6), staged_run(2, 5, components=5)]
    for example in walk_forward_examples(TrainingRuns.of(JobRuns("job", tuple(runs))), 2, DEFAULT):
        unseen = example.component == 4
        assert np.isnan(example.added_s).tolist() == [False] * 4 + [True]
        assert np.isnan(example.runtime_s[unseen]).all()
        assert np.isfinite(example.runtime_s[~unseen]).all()
        assert (example.prior_s[unseen] == 1.0).all()
        assert np.isfinite(example.prior_s).all()
