"""A function with a time limit."""

from __future__ import annotations

import threading
import time

import pytest

from airflow_enel.execution.time_limit import within


def test_what_it_returns_and_raises_comes_through() -> None:
    assert within(5.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)


def test_what_hangs_is_left_behind_in_a_thread_that_no_process_waits_for() -> None:
    release, threads = threading.Event(), []

    def hang() -> None:
        threads.append(threading.current_thread())
        release.wait(30.0)

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, hang)
    assert time.monotonic() - begun < 10.0
    assert [thread.daemon for thread in threads] == [True]
    release.set()
    threads[0].join(10.0)
