from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiments.cache import ResultCache
from benchmarks.experiments.runner import INTERRUPTED, RemainingTime, in_words, run_tasks

computed: list[int] = []
"""Numbers of the tasks that were computed in this process."""


@dataclass(frozen=True)
class Square:
    number: int
    interrupted: bool = False

    @property
    def expected_s(self) -> float:
        return float(self.number)

    def inputs(self) -> Any:
        return self.number

    def compute(self) -> Any:
        if self.interrupted:
            raise KeyboardInterrupt
        computed.append(self.number)
        return self.number**2


@pytest.fixture(autouse=True)
def _nothing_computed() -> None:
    computed.clear()


@pytest.fixture
def cache(tmp_path: Path) -> ResultCache:
    return ResultCache(tmp_path, "a1")


def results(numbers: list[int], cache: ResultCache) -> list[Any]:
    return [one.result for one in run_tasks([Square(n) for n in numbers], cache, 1)]


def test_results_come_in_the_order_of_the_tasks_and_the_longest_is_computed_first(
    cache: ResultCache,
) -> None:
    assert results([1, 3, 2], cache) == [1, 9, 4]
    assert computed == [3, 2, 1]


def test_what_is_kept_is_not_computed_again(cache: ResultCache) -> None:
    results([1, 2], cache)
    computed.clear()
    assert results([1, 2, 3], cache) == [1, 4, 9]
    assert computed == [3]


def test_interrupted_tasks_go_on_from_what_was_done(cache: ResultCache, tmp_path: Path) -> None:
    tasks = [Square(3), Square(2, interrupted=True), Square(1)]
    with pytest.raises(SystemExit) as ended:
        run_tasks(tasks, cache, 1)
    assert ended.value.code == INTERRUPTED
    assert len(list((tmp_path / "a1").iterdir())) == len(computed) == 1
    computed.clear()
    assert results([3, 2, 1], cache) == [9, 4, 1]
    assert computed == [2, 1]


@pytest.mark.processes
def test_several_processes_give_the_same_results(cache: ResultCache) -> None:
    tasks = [Square(n) for n in (1, 3, 2)]
    assert [one.result for one in run_tasks(tasks, cache, 2)] == [1, 9, 4]
    assert computed == []


def test_the_remaining_time_follows_the_pace_so_far() -> None:
    remaining = RemainingTime(total_s=100.0, started_at=1000.0)
    assert remaining.at(1010.0) is None
    remaining.done_s = 25.0
    # A quarter took 50 s.
    assert remaining.at(1050.0) == pytest.approx(150.0)


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89.0, "89 s"), (90.0, "2 min")])
def test_times_are_said_in_one_unit(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_the_remaining_time_is_printed(
    cache: ResultCache, capsys: pytest.CaptureFixture[str]
) -> None:
    results([1, 2], cache)
    assert "2 of 2 computed, 0 s left" in capsys.readouterr().err
