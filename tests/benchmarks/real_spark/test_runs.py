import numpy as np
import pytest

from benchmarks.real_spark.runs import ITERATION_LOG_SD, RUN_LOG_SD, PacedJob

JOB = PacedJob(iterations=400, tasks=24, task_s=1.0)


def test_a_run_has_the_same_pace_whenever_it_is_made():
    assert JOB.arguments(3) == JOB.arguments(3)
    assert JOB.arguments(3) != JOB.arguments(4)


def test_runs_and_their_iterations_differ_as_much_as_they_should():
    log_s = np.log([JOB.task_times_ms(seed) for seed in range(400)]) - np.log(1000)
    assert np.std(log_s.mean(axis=1)) == pytest.approx(RUN_LOG_SD, rel=0.1)
    assert np.mean(log_s.std(axis=1)) == pytest.approx(ITERATION_LOG_SD, rel=0.1)


def test_only_a_disturbed_run_is_doubled():
    assert JOB.arguments(1)[-2:] == ["--doubled-from=0", "--doubled-until=0"]
    doubled = PacedJob(6, 24, 0.3, doubled=(2, 4)).arguments(1)
    assert doubled[-2:] == ["--doubled-from=2", "--doubled-until=4"]
