"""Which event logs are found and read, and why the others are not."""

from __future__ import annotations

import copy
import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zstandard

from airflow_enel.spark import eventlog
from airflow_enel.spark.eventlog import PassedOver, UnusableLog, find_logs, read_log, size_of
from airflow_enel.spark.reducer import EventReducer
from tests.support.builders.spark_events import (
    Event,
    application_end,
    application_start,
    environment,
    executor_added,
    job_end,
    job_start,
    simple_run,
    stage_info,
)

if TYPE_CHECKING:
    from airflow_enel.domain import Snapshot

APP = "app-1"


def lines(events: list[Event]) -> bytes:
    return b"".join(json.dumps(e, separators=(",", ":")).encode() + b"\n" for e in events)


def packed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def stored(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def rolling(folder: Path, *parts: bytes, suffix: str = "", ended: bool = True) -> Path:
    """A rolling log whose files are made last part first."""
    log = folder / f"eventlog_v2_{APP}"
    stored(log / f"appstatus_{APP}{'' if ended else '.inprogress'}", b"")
    for number in range(len(parts), 0, -1):
        stored(log / f"events_{number}_{APP}{suffix}", parts[number - 1])
        stored(log / f".events_{number}_{APP}{suffix}.crc", b"crc\0")
    return log


def expected() -> Snapshot:
    fold = EventReducer()
    for event in simple_run():
        fold.add(event)
    ended_at = fold.snapshot(0.0).ended_at
    assert ended_at is not None
    return fold.snapshot(ended_at)


def reason(log: Path) -> str:
    with pytest.raises(UnusableLog) as caught:
        read_log(log)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", [APP, f"{APP}.inprogress", "renamed.txt"])
def test_a_plain_file_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert read_log(stored(tmp_path / name, lines(simple_run()))).snapshot == expected()


@pytest.mark.parametrize("name", [f"{APP}.zstd", f"{APP}.zstd.inprogress", APP])
def test_zstd_is_known_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    assert read_log(stored(tmp_path / name, packed(lines(simple_run())))).snapshot == expected()


def test_zstd_is_read_across_frames(tmp_path: Path) -> None:
    whole = lines(simple_run())
    data = packed(whole[:700]) + packed(whole[700:])
    assert read_log(stored(tmp_path / APP, data)).snapshot == expected()


@pytest.mark.parametrize("compressed", [False, True])
def test_the_parts_of_a_rolling_log_are_read_in_the_order_of_their_numbers(
    tmp_path: Path, compressed: bool
) -> None:
    events = simple_run(components=3)
    parts = [lines([event]) for event in events]
    assert len(parts) > 10  # events_10 comes after events_9
    if compressed:
        parts = [packed(part) for part in parts]
    log = rolling(tmp_path, *parts, suffix=".zstd" if compressed else "")
    assert read_log(log).snapshot == expected()


def test_a_rolling_log_with_a_part_missing_is_not_used(tmp_path: Path) -> None:
    log = rolling(tmp_path, *(lines([event]) for event in simple_run()))
    (log / f"events_3_{APP}").unlink()
    assert reason(log) == "part 3 is missing"


def test_a_rolling_log_without_parts_is_not_used(tmp_path: Path) -> None:
    assert "no part" in reason(rolling(tmp_path))


def test_a_compacted_log_is_not_used_because_jobs_are_gone_from_it(tmp_path: Path) -> None:
    log = rolling(tmp_path, lines(simple_run()))
    (log / f"events_1_{APP}").rename(log / f"events_1_{APP}.compact")
    assert reason(log).startswith("compacted")


def test_an_application_without_an_end_is_not_used(tmp_path: Path) -> None:
    data = lines(simple_run()[:-1])
    assert reason(stored(tmp_path / f"{APP}.inprogress", data)).startswith("no end")
    assert reason(rolling(tmp_path, data, ended=False)).startswith("no end")


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("left", [0.3, 0.6, 0.97])
def test_a_log_cut_off_anywhere_has_no_end(tmp_path: Path, compressed: bool, left: float) -> None:
    whole = lines([*simple_run()[:-1], application_end(99.0)])
    data = packed(whole) if compressed else whole
    # A frame so short is one block, which is either there or not.
    told = ("no end", "empty", "damaged") if compressed else ("no end",)
    assert reason(stored(tmp_path / APP, data[: int(len(data) * left)])).startswith(told)


def test_a_zstd_log_flushed_in_blocks_reads_up_to_its_cut(tmp_path: Path) -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    data = b""
    for event in simple_run():
        data += packer.compress(lines([event])) + packer.flush(flush)
    assert read_log(stored(tmp_path / APP, data)).snapshot == expected()


def test_a_last_line_cut_off_after_the_end_does_no_harm(tmp_path: Path) -> None:
    data = lines(simple_run()) + b'{"Event":"SparkListenerExec'
    assert read_log(stored(tmp_path / APP, data)).snapshot == expected()


def test_a_broken_line_in_the_middle_is_damage(tmp_path: Path) -> None:
    before, after = simple_run()[:4], simple_run()[4:]
    log = stored(tmp_path / APP, lines(before) + b'{"Event": \xff}\n' + lines(after))
    assert reason(log) == f"damaged: line 5 of {APP} is no event"


def test_a_part_cut_off_before_another_is_damage(tmp_path: Path) -> None:
    events = simple_run()
    log = rolling(tmp_path, lines(events[:4])[:-9], lines(events[4:]))
    assert reason(log).startswith("damaged")


@pytest.mark.parametrize(
    "data",
    [b"hello\n", b"\x00" * 4096, b"[1]\n", b"{}\n", b'{"Event": 3}\n', b'{"Event"', b"{" * 99_999],
)
def test_what_is_no_event_log_is_told_so(tmp_path: Path, data: bytes) -> None:
    assert reason(stored(tmp_path / "file", data)) == "not a Spark event log"


@pytest.mark.parametrize("data", [b"", packed(b"")])
def test_an_empty_log_is_told_so(tmp_path: Path, data: bytes) -> None:
    assert reason(stored(tmp_path / APP, data)) == "empty"


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        (b"LZ4Block\x26", "lz4"),
        (b"\x82SNAPPY\0", "snappy"),
        (b"ZV\x01", "lzf"),
    ],
)
def test_other_compressions_are_named(tmp_path: Path, data: bytes, codec: str) -> None:
    told = reason(stored(tmp_path / APP, data + bytes(99)))
    assert told.startswith(f"compressed with {codec}, which is not read")


def test_gzip_is_read(tmp_path: Path) -> None:
    log = stored(tmp_path / APP, gzip.compress(lines(simple_run())))
    assert read_log(log).snapshot == expected()


def test_damaged_zstd_is_told_so(tmp_path: Path) -> None:
    data = bytearray(packed(os.urandom(5000)))
    data[6:40] = b"\xff" * 34
    assert reason(stored(tmp_path / APP, bytes(data))).startswith("damaged: its zstd")


def test_a_log_without_its_start_is_not_used(tmp_path: Path) -> None:
    assert "start" in reason(stored(tmp_path / APP, lines(simple_run()[1:])))


def test_a_line_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventlog, "MAX_LINE_BYTES", 2**20)
    long = executor_added("x" * 2**20, 3.0)
    log = stored(tmp_path / APP, packed(lines([application_start(), long])))
    assert reason(log) == "a line is longer than 1 MB"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_log_that_may_not_be_read_is_told_so(tmp_path: Path) -> None:
    log = stored(tmp_path / APP, lines(simple_run()))
    log.chmod(0)
    assert "permission" in reason(log)


def test_a_refused_permission_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    log = stored(tmp_path / APP, lines(simple_run()))
    monkeypatch.setattr(Path, "open", refuse)
    assert reason(log) == "no permission to read it"


def test_exit_code_and_attempt_are_read(tmp_path: Path) -> None:
    start, *others, end = simple_run()
    events = [start | {"App Attempt ID": "2"}, *others, end | {"ExitCode": 1}]
    reading = read_log(stored(tmp_path / APP, lines(events)))
    assert (reading.attempt, reading.exit_code) == (2, 1)


def test_without_exit_code_and_attempt_it_is_the_first_and_unknown(tmp_path: Path) -> None:
    reading = read_log(stored(tmp_path / APP, lines(simple_run())))
    assert (reading.attempt, reading.exit_code) == (1, None)


def test_an_unreadable_event_marks_the_reading_as_incomplete(tmp_path: Path) -> None:
    events = simple_run()
    events.insert(5, {"Event": "SparkListenerJobStart", "Job ID": "seven"})
    assert not read_log(stored(tmp_path / APP, lines(events))).snapshot.complete


def contextual(path: Path, **given: object) -> dict[str, object]:
    """The context that is read of a run whose executors have 2 cores and who says more."""
    properties = {f"spark.enel.context.{name}": value for name, value in given.items()}
    known = {"spark.executor.cores": "2", "spark.executor.memory": "512m", **properties}
    update = {"Event": "SparkListenerEnvironmentUpdate", "Spark Properties": known}
    start, _, *rest = simple_run()
    return dict(read_log(stored(path / APP, lines([start, update, *rest]))).context)


AUTOMATIC = {"executor_cores": 2, "executor_memory_mib": 512, "driver_memory_mib": 1024}


def test_a_log_tells_the_context_that_its_properties_give(tmp_path: Path) -> None:
    given = {"rows": "1000000", "share": "0.25", "day": "Montag, 3. März", "a.b": "", "wide": "1e3"}
    assert contextual(tmp_path, **given) == {
        **AUTOMATIC,
        "rows": 1_000_000,
        "share": 0.25,
        "day": "Montag, 3. März",
        "a.b": "",
        "wide": 1000.0,
    }


def test_a_context_that_is_given_counts_more_than_what_is_known_anyway(tmp_path: Path) -> None:
    assert contextual(tmp_path, executor_cores="8") == {**AUTOMATIC, "executor_cores": 8}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "1"),
        ("n" * 101, "1"),
        ("huge", "9" * 19),
        ("unknown", "None"),
        ("unknown", "nan"),
        ("unknown", "-Infinity"),
        ("long", "x" * 501),
        ("nul", "a\0b"),
        ("a", None),
        ("a", ["1"]),
    ],
)
def test_an_entry_that_no_context_can_hold_is_left_out_alone(
    tmp_path: Path, name: str, value: object
) -> None:
    assert contextual(tmp_path, **{name: value, "rows": "7"}) == {**AUTOMATIC, "rows": 7}


def test_more_entries_than_a_context_holds_are_left_out(tmp_path: Path) -> None:
    found = contextual(tmp_path, **{f"n{number:03}": "1" for number in range(100)})
    assert len(found) == 64
    assert found.items() >= AUTOMATIC.items()


def test_the_caller_may_pass_a_log_over_before_its_bulk_is_read(tmp_path: Path) -> None:
    def enough(application: Snapshot, attempt: int) -> None:
        assert (application.app_id, application.started_at, attempt) == (APP, 1.0, 1)
        raise PassedOver

    log = stored(tmp_path / APP, lines(simple_run()[:3]) + b"garbage\n")
    with pytest.raises(PassedOver):
        read_log(log, enough)


@pytest.mark.parametrize("components", [3, 800])
def test_all_bytes_of_a_log_are_reported(tmp_path: Path, components: int) -> None:
    events = simple_run(components)
    middle = len(events) // 2
    log = rolling(tmp_path, packed(lines(events[:middle])), packed(lines(events[middle:])))
    told: list[int] = []
    read_log(log, on_bytes=told.append)
    assert sum(told) == size_of(log) > 0


def test_kinds_that_are_not_parsed_are_none_the_reducer_reads() -> None:
    assert not set(eventlog.UNREAD_KINDS) & EventReducer()._handlers.keys()


def test_events_that_are_passed_over_are_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []
    whole = eventlog._parsed
    monkeypatch.setattr(eventlog, "_parsed", lambda line: parsed.append(line) or whole(line))
    noise = [{"Event": kind, "Value": 1} for kind in eventlog.UNREAD_KINDS]
    log = stored(tmp_path / APP, lines([*noise, *simple_run()]))
    assert read_log(log).snapshot == expected()
    assert len(parsed) == len(simple_run())


def test_logs_of_both_kinds_are_found_in_a_folder(tmp_path: Path) -> None:
    first = stored(tmp_path / "app-0", b"")
    second = rolling(tmp_path, b"")
    stored(tmp_path / ".app-0.crc", b"")
    stored(tmp_path / "other" / "app-9", b"")
    assert find_logs(tmp_path) == (first, second)
    assert find_logs(first) == (first,)
    assert find_logs(second) == (second,)


def test_a_renamed_rolling_folder_is_known_by_its_parts(tmp_path: Path) -> None:
    log = rolling(tmp_path, lines(simple_run())).rename(tmp_path / "copy")
    assert find_logs(log) == (log,)
    assert read_log(log).snapshot == expected()


@pytest.mark.parametrize(
    ("path", "told"), [("nowhere", "no such"), ("hdfs://host/logs", "copy the logs first")]
)
def test_a_path_that_is_not_there_is_told(path: str, told: str) -> None:
    with pytest.raises(UnusableLog, match=told):
        find_logs(Path(path))


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("SparkListenerExecutorAdded", ("Executor Info", "Total Cores"), "many"),
        ("SparkListenerExecutorAdded", ("Executor Info", "Host"), None),
        ("SparkListenerEnvironmentUpdate", ("Spark Properties", "spark.enel.initialExecutors"), 2),
        ("SparkListenerApplicationStart", ("App Name",), 7),
        ("SparkListenerStageCompleted", ("Stage Info", "Failure Reason"), 7),
        ("SparkListenerStageCompleted", ("Stage Info", "Accumulables"), 7),
    ],
)
def test_a_field_that_can_be_done_without_costs_itself_alone(
    tmp_path: Path, kind: str, path: tuple[str, ...], value: object
) -> None:
    events = copy.deepcopy(simple_run())
    place = next(event for event in events if event["Event"] == kind)
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    reading = read_log(stored(tmp_path / APP, lines(events)))
    assert reading.snapshot.complete
    assert len(reading.snapshot.finished_components) == 3
    (note,) = reading.notes
    assert note == f"1 unreadable field left out, first {path[-1]!r}"


def test_a_size_beyond_all_memory_is_left_out(tmp_path: Path) -> None:
    start, *rest = simple_run()
    sizes = environment(spark_executor_memory="999999999999999999p", spark_driver_memory="1m")
    context = read_log(stored(tmp_path / APP, lines([start, sizes, *rest]))).context
    assert "executor_memory_mib" not in dict(context)
    assert context.get("driver_memory_mib") == 1


def without(events: list[Event], kind: str, number: int) -> list[Event]:
    """A log of which Spark has dropped the n-th event of a kind."""
    dropped = [event for event in events if event["Event"] == kind][number]
    return [event for event in events if event is not dropped]


@pytest.mark.parametrize(
    ("kind", "flaw"),
    [
        ("SparkListenerJobEnd", "1 Spark job without an end: Spark dropped events"),
        ("SparkListenerStageCompleted", "a stage without an end: Spark dropped events"),
    ],
)
def test_a_run_with_a_dropped_end_is_incomplete(tmp_path: Path, kind: str, flaw: str) -> None:
    reading = read_log(stored(tmp_path / APP, lines(without(simple_run(), kind, 1))))
    assert (reading.snapshot.complete, reading.defects) == (False, (flaw,))


def test_a_job_that_a_stop_has_cut_off_ends_after_its_application(tmp_path: Path) -> None:
    *events, end = simple_run()
    start, cut = job_start(9, 32.0, stage_info(9)), job_end(9, 33.2, "JobFailed")
    reading = read_log(stored(tmp_path / APP, lines([*events, start, end, cut])))
    assert reading.snapshot.complete


def test_an_attempt_of_a_stage_without_an_end_is_no_gap_if_another_has_one(tmp_path: Path) -> None:
    events = simple_run()
    number, event = next((n, e) for n, e in enumerate(events) if "StageSubmitted" in e["Event"])
    again = {**event, "Stage Info": event["Stage Info"] | {"Stage Attempt ID": 1}}
    reading = read_log(stored(tmp_path / APP, lines([*events[:number], again, *events[number:]])))
    assert reading.snapshot.complete


@pytest.mark.parametrize(
    ("events", "contradiction"),
    [
        ([application_end(1.0)], "the application ends no later than it starts"),
        ([application_end(0.5)], "the application ends no later than it starts"),
        (
            [job_start(0, 5.0, stage_info(0)), job_end(0, 3.0), application_end(9.0)],
            "the end of Spark job 0 lies 2.0 s before what came before it",
        ),
        (
            [job_start(0, 5.0), job_end(0, 20.0), job_start(1, 9.0), job_end(1, 21.0)],
            "the start of Spark job 1 lies 11.0 s before what came before it",
        ),
        (
            [job_start(0, 5.0), job_end(0, 20.0), application_end(9.0)],
            "the end of the application lies 11.0 s before what came before it",
        ),
    ],
)
def test_a_run_whose_times_contradict_each_other_is_incomplete(
    tmp_path: Path, events: list[Event], contradiction: str
) -> None:
    log = [application_start(1.0), executor_added("0", 1.0), *events]
    if "ApplicationEnd" not in log[-1]["Event"]:
        log.append(application_end(22.0))
    reading = read_log(stored(tmp_path / APP, lines(log)))
    assert not reading.snapshot.complete
    assert reading.defects == (f"its times contradict each other: {contradiction}",)


def test_times_a_little_out_of_order_are_no_contradiction(tmp_path: Path) -> None:
    jobs = [job_start(0, 5.0), job_end(0, 6.0), job_start(1, 5.2), job_end(1, 8.0)]
    log = [application_start(1.0), *jobs, application_end(9.0)]
    assert read_log(stored(tmp_path / APP, lines(log))).snapshot.complete


def test_unreadable_events_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    events = simple_run()
    del events[4]["Submission Time"]
    events[-1:-1] = [{"Event": "SparkListenerJobEnd", "Job ID": -1}]
    reading = read_log(stored(tmp_path / APP, lines(events)))
    assert not reading.snapshot.complete
    (flaw,) = reading.defects
    assert flaw.startswith("3 unreadable events, first SparkListenerJobStart: ")
    assert "'Submission Time' is missing" in flaw


def on_executors(*executors: str, master: str = "spark://host:7077") -> list[Event]:
    start, *rest = (event for event in simple_run() if "Executor" not in event["Event"])
    sizes = environment(spark_master=master)
    return [start, sizes, *(executor_added(name, 2.0) for name in executors), *rest]


@pytest.mark.parametrize(
    ("executors", "master", "local"),
    [
        (("driver",), "local[*]", True),
        (("<driver>",), "spark://host:7077", True),
        ((), "local", True),
        ((), "local[2]", True),
        ((), "local-cluster[1,1,1024]", False),
        (("0",), "local-cluster[1,1,1024]", False),
        ((), "yarn", False),
    ],
)
def test_a_run_in_the_driver_alone_is_known_as_local(
    tmp_path: Path, executors: tuple[str, ...], master: str, local: bool
) -> None:
    log = stored(tmp_path / APP, lines(on_executors(*executors, master=master)))
    assert read_log(log).local is local


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ({"Event": "SparkListenerLogStart", "Spark Version": "1.0.2"}, "written by Spark 1.0.2"),
        ({"Event": "SparkListenerLogStart", "Spark Version": "3.5.1"}, "is unreadable: 1 unread"),
    ],
)
def test_why_a_start_is_unreadable_is_told(tmp_path: Path, first: Event, told: str) -> None:
    start, *rest = simple_run()
    del start["App ID"]
    assert told in reason(stored(tmp_path / APP, lines([first, start, *rest])))
